-- Sessions end without use, know how they were authenticated, and rotate their refresh token.

-- A waiting lock request blocks every later one, so lock_timeout is short.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Unqualified names refer to public, independent of the role's search_path.
set local search_path = public;
--> statement-breakpoint

-- Before the first release the table is empty: checking its rows takes no time.
-- squawk-ignore-file constraint-missing-not-valid
alter table user_sessions
  add column revocation_reason varchar(30),
  add column idle_expires_at timestamptz not null default current_timestamp + interval '14 days',
  add column authenticated_at timestamptz not null default current_timestamp,
  add column factors text[] not null default '{}',
  add column previous_refresh_token_id uuid,
  add column rotated_at timestamptz,
  add column replayed_at timestamptz,
  add constraint user_sessions_revocation_check check (revocation_reason is null or revoked_at is not null),
  add constraint user_sessions_factors_check check (factors <@ array['password', 'totp', 'recovery_code', 'operator']),
  drop constraint user_sessions_times_check,
  add constraint user_sessions_times_check check (
    least(expires_at, created_at, last_active, revoked_at, idle_expires_at, authenticated_at, rotated_at, replayed_at) >= timestamptz '0001-01-01 00:00:00+00'
    and greatest(expires_at, created_at, last_active, revoked_at, idle_expires_at, authenticated_at, rotated_at, replayed_at) < timestamptz '10000-01-01 00:00:00+00'
  );
--> statement-breakpoint

-- A rotation changes only columns that are not recorded. Recorded, the refreshes of 100,000 players would write
-- 9.6 million rows a day.
comment on column user_sessions.refresh_token_id is '[secret] [unrecorded]';
--> statement-breakpoint
comment on column user_sessions.previous_refresh_token_id is '[secret] [unrecorded]';
--> statement-breakpoint
comment on column user_sessions.rotated_at is '[unrecorded]';
--> statement-breakpoint
comment on column user_sessions.idle_expires_at is '[unrecorded]';
--> statement-breakpoint
select refresh_change_recorders();
--> statement-breakpoint

create function revoke_sessions() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.user_sessions set revoked_at = now(), revocation_reason = 'account_inactive'
  where user_id = new.id and revoked_at is null and expires_at > now() and idle_expires_at > now();
  return null;
end;
$$;
--> statement-breakpoint

-- Sessions of an account that is suspended or banned do not go on when it is active again (OWASP ASVS 5.0, 7.4.2). A
-- sign-in at the same time holds the row of the account: its session is seen here, or it is refused.
create trigger revoke_sessions
  after update of status on users
  for each row
  when (old.status = 'active' and new.status <> 'active')
  execute function revoke_sessions();
--> statement-breakpoint

-- A sign-in must not refuse the form that the player has open: last_login alone does not make a new version of the row.
create function set_updated_at_of_users() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  changed public.users := new;
begin
  changed.last_login := old.last_login;
  if record_image_ne(changed, old) then
    new.updated_at := greatest(date_trunc('milliseconds', clock_timestamp()), date_trunc('milliseconds', old.updated_at) + interval '1 millisecond');
  end if;
  return new;
end;
$$;
--> statement-breakpoint

create or replace trigger users_set_updated_at
  before insert on users
  for each row
  execute function set_updated_at();
--> statement-breakpoint
create trigger users_set_updated_at_on_update
  before update on users
  for each row
  execute function set_updated_at_of_users();
--> statement-breakpoint

comment on column users.last_login is '[unrecorded]';
--> statement-breakpoint
select refresh_change_recorders();
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  revoke_sessions(), set_updated_at_of_users()
from public;
