drop function create_audit_log_partitions(integer);
--> statement-breakpoint
drop table audit_log;
--> statement-breakpoint
drop schema partitions;
