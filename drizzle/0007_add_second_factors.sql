-- One-time codes are taken once, enrolments are confirmed, and secrets are encrypted with keys that can be replaced.

-- A waiting lock request blocks every later one, so lock_timeout is short.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Unqualified names refer to public, independent of the role's search_path.
set local search_path = public;
--> statement-breakpoint

-- Before the first release no row has a secret: checking the rows takes no time.
-- squawk-ignore-file constraint-missing-not-valid
alter table user_security
  add column two_factor_last_step bigint,
  add column two_factor_pending_secret varchar(255),
  add column two_factor_pending_since timestamptz,
  add constraint user_security_pending_format_check check (two_factor_pending_secret ~ '^v1\.[a-z0-9_-]{1,16}\.[A-Za-z0-9_-]+$'),
  add constraint user_security_pending_check check ((two_factor_pending_secret is null) = (two_factor_pending_since is null)),
  add constraint user_security_last_step_check check (
    two_factor_last_step is null or two_factor_last_step >= 0 and two_factor_secret is not null
  ),
  drop constraint user_security_times_check,
  add constraint user_security_times_check check (
    least(last_attempt_at, locked_until, password_changed_at, failing_since, two_factor_pending_since) >= timestamptz '0001-01-01 00:00:00+00'
    and greatest(last_attempt_at, locked_until, password_changed_at, failing_since, two_factor_pending_since) < timestamptz '10000-01-01 00:00:00+00'
  );
--> statement-breakpoint

-- The keys that are in use, and the secrets of each: a start of the service looks for keys that are missing, and
-- `aeturnis-data keys rotate` for secrets of older keys.
-- squawk-ignore require-concurrent-index-creation
create index idx_user_security_encryption_key on user_security (split_part(two_factor_secret, '.', 2), user_id) where two_factor_secret is not null;
--> statement-breakpoint

-- Enrolments that are not confirmed, oldest first: they expire.
-- squawk-ignore require-concurrent-index-creation
create index idx_user_security_pending on user_security (two_factor_pending_since) where two_factor_pending_secret is not null;
--> statement-breakpoint

-- Every sign-in with a one-time code sets it, and the trail records sign-ins otherwise.
comment on column user_security.two_factor_last_step is '[unrecorded]';
--> statement-breakpoint
comment on column user_security.two_factor_pending_secret is '[secret]';
--> statement-breakpoint
comment on column user_security.two_factor_pending_since is '[unrecorded]';
--> statement-breakpoint
select refresh_change_recorders();
--> statement-breakpoint

-- Removes the secrets of enrolments that were not confirmed within 10 minutes, at most `batch_size`, oldest first, and
-- returns their number. Rows that another transaction holds are left for the next call.
create function end_expired_enrolments(batch_size integer default 1000) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  ended integer;
begin
  update public.user_security set two_factor_pending_secret = null, two_factor_pending_since = null
  where user_id = any (array(
    select user_id from public.user_security
    where two_factor_pending_secret is not null and two_factor_pending_since <= now() - interval '10 minutes'
    order by two_factor_pending_since limit batch_size for update skip locked
  ));
  get diagnostics ended = row_count;
  return ended;
end;
$$;
--> statement-breakpoint

create function forget_second_factor() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.user_sessions set factors = array_remove(array_remove(factors, 'totp'), 'recovery_code')
  where user_id = new.user_id and revoked_at is null and factors && array['totp', 'recovery_code'];
  return null;
end;
$$;
--> statement-breakpoint

-- A factor that was removed is proved by no session: neither for the stage of a moderator's session, nor for the factor that
-- takes its place.
create trigger forget_second_factor
  after update of two_factor_enabled on user_security
  for each row
  when (old.two_factor_enabled and not new.two_factor_enabled)
  execute function forget_second_factor();
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  end_expired_enrolments(integer), forget_second_factor()
from public;
