drop function audit_trail_gaps();
--> statement-breakpoint
drop function refresh_change_recorders();
--> statement-breakpoint
drop function record_changes_of(regclass, name, name[], name[]);
--> statement-breakpoint
drop function audit_recorder(regclass);
--> statement-breakpoint
drop function audit_refuse_stale(regclass, text[]);
--> statement-breakpoint
drop function audit_statement(regclass, text, text[]);
--> statement-breakpoint
drop function audit_columns(regclass);
--> statement-breakpoint
drop function audit_json(jsonb);
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
comment on column users.id is null;
--> statement-breakpoint
comment on column user_security.user_id is null;
--> statement-breakpoint
comment on column user_sessions.user_id is null;
--> statement-breakpoint
comment on column users.password_hash is null;
--> statement-breakpoint
comment on column users.email_verification_token is null;
--> statement-breakpoint
comment on column users.updated_at is 'Kept by a trigger; rises with every change, so that it serves as the row''s version.';
--> statement-breakpoint
comment on column user_security.two_factor_secret is null;
--> statement-breakpoint
comment on column user_security.recovery_codes is null;
--> statement-breakpoint
comment on column user_sessions.refresh_token_id is null;
--> statement-breakpoint
comment on column user_sessions.last_active is null;
--> statement-breakpoint
drop index idx_audit_action;
--> statement-breakpoint
drop index idx_audit_actor;
--> statement-breakpoint
alter table audit_log alter column actor set default ('db:' || current_user);
