drop function create_audit_log_partitions(integer);
--> statement-breakpoint
drop function fill_audit_log_months(timestamptz, timestamptz);
--> statement-breakpoint
drop function narrow_audit_log_beyond(timestamptz);
--> statement-breakpoint
drop function prepare_audit_log_beyond();
--> statement-breakpoint
drop function audit_log_beyond_bound();
--> statement-breakpoint
drop function attach_audit_log_partition(name, timestamptz, timestamptz, regclass);
--> statement-breakpoint
drop function audit_log_problems();
--> statement-breakpoint
drop function audit_log_runway();
--> statement-breakpoint
drop function audit_log_bounds(regclass);
--> statement-breakpoint
drop table audit_log;
--> statement-breakpoint
drop function refuse_audit_log_change();
--> statement-breakpoint
drop function set_acting_id();
--> statement-breakpoint
drop schema partitions;
