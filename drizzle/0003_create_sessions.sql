-- Signed-in devices, one refresh token each.

-- Whoever waits for a table makes everybody wait who comes later: so not for long.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Names mean what is in public, whatever the role's search_path: drizzle-kit sets none.
set local search_path = public;
--> statement-breakpoint

create table user_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  refresh_token_id uuid not null constraint user_sessions_refresh_token_id_key unique,
  ip_address inet,
  user_agent text,
  expires_at timestamptz not null,
  created_at timestamptz not null default current_timestamp,
  last_active timestamptz not null default current_timestamp,
  revoked_at timestamptz,
  constraint user_sessions_user_id_users_id_fk foreign key (user_id) references users (id) on delete cascade,
  -- Times that every client can hold; infinity would be read as no time at all.
  constraint user_sessions_times_check check (
    least(expires_at, created_at, last_active, revoked_at) >= timestamptz '0001-01-01 00:00:00+00' and greatest(expires_at, created_at, last_active, revoked_at) < timestamptz '10000-01-01 00:00:00+00'
  ),
  constraint user_sessions_expires_at_check check (expires_at > created_at)
);
--> statement-breakpoint

create index idx_sessions_user on user_sessions (user_id);
--> statement-breakpoint
create index idx_sessions_token on user_sessions (refresh_token_id);
--> statement-breakpoint
create index idx_sessions_expires on user_sessions (expires_at);
--> statement-breakpoint
create index idx_sessions_revoked on user_sessions (revoked_at) where revoked_at is not null;
--> statement-breakpoint

-- Triggers.

create function end_sessions() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.user_sessions where user_id = new.id;
  return null;
end;
$$;
--> statement-breakpoint

-- Without it whoever is signed in to an account could go on playing after it was deleted.
create trigger end_sessions
  after update of deleted_at on users
  for each row
  when (old.deleted_at is null and new.deleted_at is not null)
  execute function end_sessions();
--> statement-breakpoint

-- Clean-up. Deletes at most `batch_size` sessions that have expired, oldest first, and returns how
-- many: call it until it returns less than that. Bounded, so that it never holds many rows or makes
-- a long transaction; rows that somebody else holds are left for the next call.
create function delete_expired_sessions(batch_size integer default 1000) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  deleted integer;
begin
  if batch_size is null or batch_size not between 1 and 100000 then
    raise exception 'batch_size must be between 1 and 100000, not %', coalesce(batch_size::text, 'null')
      using errcode = 'invalid_parameter_value';
  end if;

  with expired as (
    select id from public.user_sessions
    where expires_at <= now()
    order by expires_at
    limit batch_size
    for update skip locked
  )
  delete from public.user_sessions using expired where user_sessions.id = expired.id;

  get diagnostics deleted = row_count;
  return deleted;
end;
$$;
--> statement-breakpoint

-- The same for sessions that ended early: revoked, and kept `keep` longer for whoever looks into it.
create function delete_revoked_sessions(keep interval default '30 days', batch_size integer default 1000) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  deleted integer;
begin
  if batch_size is null or batch_size not between 1 and 100000 then
    raise exception 'batch_size must be between 1 and 100000, not %', coalesce(batch_size::text, 'null')
      using errcode = 'invalid_parameter_value';
  end if;
  if keep is null or keep < interval '0' then
    raise exception 'keep must be a time span that is not negative, not %', coalesce(keep::text, 'null')
      using errcode = 'invalid_parameter_value';
  end if;

  with revoked as (
    select id from public.user_sessions
    where revoked_at <= now() - keep
    order by revoked_at
    limit batch_size
    for update skip locked
  )
  delete from public.user_sessions using revoked where user_sessions.id = revoked.id;

  get diagnostics deleted = row_count;
  return deleted;
end;
$$;
--> statement-breakpoint

comment on table user_sessions is 'Signed-in devices. refresh_token_id is the jti of the one refresh token that is good now.';
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  end_sessions(), delete_expired_sessions(integer), delete_revoked_sessions(interval, integer)
from public;
