drop table audit_checkpoints;
--> statement-breakpoint
drop table audit_tree;
