comment on column users.last_login is null;
--> statement-breakpoint
drop trigger users_set_updated_at_on_update on users;
--> statement-breakpoint
create or replace trigger users_set_updated_at
  before insert or update on users
  for each row
  execute function set_updated_at();
--> statement-breakpoint
drop function set_updated_at_of_users();
--> statement-breakpoint
drop trigger revoke_sessions on users;
--> statement-breakpoint
drop function revoke_sessions();
--> statement-breakpoint
comment on column user_sessions.refresh_token_id is '[secret]';
--> statement-breakpoint
alter table user_sessions
  drop constraint user_sessions_times_check,
  drop constraint user_sessions_factors_check,
  drop constraint user_sessions_revocation_check,
  drop column replayed_at,
  drop column rotated_at,
  drop column previous_refresh_token_id,
  drop column factors,
  drop column authenticated_at,
  drop column idle_expires_at,
  drop column revocation_reason,
  add constraint user_sessions_times_check check (
    least(expires_at, created_at, last_active, revoked_at) >= timestamptz '0001-01-01 00:00:00+00' and greatest(expires_at, created_at, last_active, revoked_at) < timestamptz '10000-01-01 00:00:00+00'
  );
--> statement-breakpoint
select refresh_change_recorders();
