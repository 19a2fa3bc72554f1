-- Sign-ins that wait for a second factor, and attempts of codes.

-- A waiting lock request blocks every later one, so lock_timeout is short.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Unqualified names refer to public, independent of the role's search_path.
set local search_path = public;
--> statement-breakpoint

create table challenges (
  user_id uuid not null,
  token_hash varchar(64) not null,
  bucket varchar(10) not null,
  device_id uuid,
  ticket bigint not null,
  failures integer not null,
  login varchar(64) not null,
  ip_address inet,
  -- Of the password that was right: another one ends the sign-in.
  password_changed_at timestamptz not null,
  created_at timestamptz not null default current_timestamp,
  expires_at timestamptz not null default current_timestamp + interval '5 minutes',
  constraint challenges_pkey primary key (user_id, token_hash),
  constraint challenges_user_id_users_id_fk foreign key (user_id) references users (id) on delete cascade,
  constraint challenges_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  constraint challenges_bucket_check check (bucket in ('device', 'stranger')),
  constraint challenges_times_check check (
    least(created_at, expires_at, password_changed_at) >= timestamptz '0001-01-01 00:00:00+00' and greatest(created_at, expires_at, password_changed_at) < timestamptz '10000-01-01 00:00:00+00'
  )
);
--> statement-breakpoint
create index idx_challenges_expires on challenges (expires_at);
--> statement-breakpoint

-- Before the first release the table is empty: checking its rows takes no time.
-- squawk-ignore-file constraint-missing-not-valid
alter table user_security
  add column code_attempts integer not null default 0,
  add column code_attempts_total bigint not null default 0,
  add column code_locked_until timestamptz,
  add constraint user_security_code_attempts_check check (code_attempts >= 0 and code_attempts <= code_attempts_total),
  drop constraint user_security_times_check,
  add constraint user_security_times_check check (
    least(last_attempt_at, locked_until, password_changed_at, failing_since, two_factor_pending_since, code_locked_until) >= timestamptz '0001-01-01 00:00:00+00'
    and greatest(last_attempt_at, locked_until, password_changed_at, failing_since, two_factor_pending_since, code_locked_until) < timestamptz '10000-01-01 00:00:00+00'
  );
--> statement-breakpoint
comment on column user_security.code_attempts is '[unrecorded]';
--> statement-breakpoint
comment on column user_security.code_attempts_total is '[unrecorded]';
--> statement-breakpoint
select refresh_change_recorders();
--> statement-breakpoint

-- Takes a ticket for one attempt of a one-time code, which is counted before the code is checked: 4 are free, then
-- attempts are locked like those of passwords, and at 100 no code is taken until the factor is bound anew (NIST SP
-- 800-63B-4, 3.2.2). Returns no row while they are locked.
create function take_code_attempt(context text, owner uuid) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  state public.user_security;
begin
  perform set_config('audit.context', context, true);
  select * into state from public.user_security where user_id = owner for update;
  if state.code_attempts >= 100 or state.code_locked_until > now() then
    return null;
  end if;
  update public.user_security set
    code_attempts = code_attempts + 1, code_attempts_total = code_attempts_total + 1,
    code_locked_until = now() + public.attempt_lock(code_attempts + 1, 4)
  where user_id = owner;
  return state.code_attempts_total + 1;
end;
$$;
--> statement-breakpoint

-- Forgives an attempt that succeeded and all earlier ones: those that took a later ticket stay.
create function forgive_code_attempt(context text, owner uuid, number bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  remaining integer;
begin
  perform set_config('audit.context', context, true);
  select least(code_attempts, code_attempts_total - number) into remaining from public.user_security where user_id = owner for update;
  update public.user_security set
    code_attempts = remaining,
    code_locked_until = case when public.attempt_lock(remaining, 4) is not null then code_locked_until end
  where user_id = owner;
end;
$$;
--> statement-breakpoint

-- Counts an attempt of a recovery code before it is checked. Returns whether it may be: 5 an hour and 20 a day.
create function count_recovery_attempt(owner uuid) returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(public.count_event('recovery hour ' || owner, 5, '1 hour'), public.count_event('recovery day ' || owner, 20, '1 day')) is null
$$;
--> statement-breakpoint

comment on table challenges is 'Sign-ins whose password was right and that wait for a second factor, for 5 minutes. token_hash is the SHA-256 of the token that the client has.';
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  take_code_attempt(text, uuid), forgive_code_attempt(text, uuid, bigint), count_recovery_attempt(uuid)
from public;
