drop function audit_order_problems();
--> statement-breakpoint
drop function audit_log_order();
--> statement-breakpoint
drop function sequence_audit_log();
--> statement-breakpoint
drop function create_audit_leaves_partitions();
--> statement-breakpoint
drop table audit_sequencer;
--> statement-breakpoint
drop table audit_leaves;
--> statement-breakpoint
drop index idx_audit_order;
--> statement-breakpoint
alter table audit_log
  drop constraint audit_log_order_check,
  drop column sequence,
  drop column xid;
--> statement-breakpoint
drop sequence audit_log_sequence;
