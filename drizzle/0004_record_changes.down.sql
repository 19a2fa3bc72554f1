drop trigger refuse_truncate on audit_log;
--> statement-breakpoint
drop function record_changes_of(regclass, name, name[], name[]);
--> statement-breakpoint
drop function record_change_of_users() cascade;
--> statement-breakpoint
drop function record_change_of_user_security() cascade;
--> statement-breakpoint
drop function record_change_of_user_sessions() cascade;
--> statement-breakpoint
drop function refuse_truncate() cascade;
--> statement-breakpoint
comment on column audit_log.changes is null;
--> statement-breakpoint
drop index idx_audit_action;
--> statement-breakpoint
drop index idx_audit_actor;
--> statement-breakpoint
alter table audit_log alter column actor set default ('db:' || current_user);
