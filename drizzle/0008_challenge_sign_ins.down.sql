drop function count_recovery_attempt(uuid);
--> statement-breakpoint
drop function forgive_code_attempt(text, uuid, bigint);
--> statement-breakpoint
drop function take_code_attempt(text, uuid);
--> statement-breakpoint
alter table user_security
  drop constraint user_security_times_check,
  drop constraint user_security_code_attempts_check,
  drop column code_locked_until,
  drop column code_attempts_total,
  drop column code_attempts,
  add constraint user_security_times_check check (
    least(last_attempt_at, locked_until, password_changed_at, failing_since, two_factor_pending_since) >= timestamptz '0001-01-01 00:00:00+00'
    and greatest(last_attempt_at, locked_until, password_changed_at, failing_since, two_factor_pending_since) < timestamptz '10000-01-01 00:00:00+00'
  );
--> statement-breakpoint
drop table challenges;
--> statement-breakpoint
select refresh_change_recorders();
