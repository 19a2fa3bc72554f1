drop trigger forget_second_factor on user_security;
--> statement-breakpoint
drop function forget_second_factor();
--> statement-breakpoint
drop function end_expired_enrolments(integer);
--> statement-breakpoint
drop index idx_user_security_pending;
--> statement-breakpoint
drop index idx_user_security_encryption_key;
--> statement-breakpoint
alter table user_security
  drop constraint user_security_times_check,
  drop constraint user_security_last_step_check,
  drop constraint user_security_pending_check,
  drop constraint user_security_pending_format_check,
  drop column two_factor_pending_since,
  drop column two_factor_pending_secret,
  drop column two_factor_last_step,
  add constraint user_security_times_check check (
    least(last_attempt_at, locked_until, password_changed_at, failing_since) >= timestamptz '0001-01-01 00:00:00+00'
    and greatest(last_attempt_at, locked_until, password_changed_at, failing_since) < timestamptz '10000-01-01 00:00:00+00'
  );
--> statement-breakpoint
select refresh_change_recorders();
