drop function create_user_session(text, uuid, uuid, uuid, text[], interval, interval, inet, text, integer, uuid, varchar, integer, timestamptz);
--> statement-breakpoint
drop function forgive_attempt(text, uuid, uuid, bigint, inet, varchar);
--> statement-breakpoint
drop function fail_attempt(text, uuid, uuid);
--> statement-breakpoint
drop function take_attempt(text, uuid, uuid, inet, varchar);
--> statement-breakpoint
drop function forgive_address(inet, varchar);
--> statement-breakpoint
drop function count_address(inet, varchar);
--> statement-breakpoint
drop function address_networks(inet);
--> statement-breakpoint
drop function count_event(varchar, integer, interval);
--> statement-breakpoint
drop function attempt_lock(integer, integer);
--> statement-breakpoint
alter table user_sessions
  drop column device_id,
  drop column failures;
--> statement-breakpoint
comment on column user_security.login_attempts is null;
--> statement-breakpoint
comment on column user_security.last_attempt_at is null;
--> statement-breakpoint
alter table user_security
  drop constraint user_security_times_check,
  drop column attempts_total,
  drop column failing_since,
  add constraint user_security_times_check check (
    least(last_attempt_at, locked_until, password_changed_at) >= timestamptz '0001-01-01 00:00:00+00' and greatest(last_attempt_at, locked_until, password_changed_at) < timestamptz '10000-01-01 00:00:00+00'
  );
--> statement-breakpoint
drop table rate_limits;
--> statement-breakpoint
drop table user_devices;
--> statement-breakpoint
drop function record_change_of_user_devices();
--> statement-breakpoint
select refresh_change_recorders();
