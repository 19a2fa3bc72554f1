-- What guards an account: failed attempts, lock-out, two-factor state, password age.

-- Whoever waits for a table makes everybody wait who comes later: so not for long.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Names mean what is in public, whatever the role's search_path: drizzle-kit sets none.
set local search_path = public;
--> statement-breakpoint

create table user_security (
  user_id uuid primary key,
  login_attempts integer not null default 0,
  last_attempt_at timestamptz,
  locked_until timestamptz,
  two_factor_enabled boolean not null default false,
  two_factor_secret varchar(255),
  recovery_codes text[],
  password_changed_at timestamptz not null default current_timestamp,
  must_change_password boolean not null default false,
  constraint user_security_user_id_users_id_fk foreign key (user_id) references users (id) on delete cascade,
  -- Times that every client can hold; infinity would be read as no time at all.
  constraint user_security_times_check check (
    least(last_attempt_at, locked_until, password_changed_at) >= timestamptz '0001-01-01 00:00:00+00' and greatest(last_attempt_at, locked_until, password_changed_at) < timestamptz '10000-01-01 00:00:00+00'
  ),
  constraint user_security_login_attempts_check check (login_attempts >= 0),
  constraint user_security_two_factor_check check (not two_factor_enabled or two_factor_secret is not null),
  -- A secret or a code that another client writes in the clear is refused. The second part of a secret is the id of its key;
  -- codes are SHA-256 in hex.
  constraint user_security_secret_format_check check (two_factor_secret ~ '^v1\.[a-z0-9_-]{1,16}\.[A-Za-z0-9_-]+$'),
  constraint user_security_recovery_codes_check check (
    recovery_codes is null or two_factor_secret is not null and cardinality(recovery_codes) <= 10 and array_position(recovery_codes, null) is null and array_to_string(recovery_codes, ',') ~ '^([0-9a-f]{64}(,[0-9a-f]{64})*)?$'
  )
);
--> statement-breakpoint

-- Accounts that somebody tries to get into, the latest first.
create index idx_user_security_failures on user_security (last_attempt_at desc nulls last, user_id desc) where login_attempts > 0;
--> statement-breakpoint

-- Triggers.

create function create_user_security() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.user_security (user_id) select id from new_users;
  return null;
end;
$$;
--> statement-breakpoint

-- Without it a user made by psql, Studio or a bulk load would have no lock-out, and could be guessed
-- at for ever. Once a statement, not once a row: a bulk load pays for one insert.
create trigger users_create_user_security
  after insert on users
  referencing new table as new_users
  for each statement
  execute function create_user_security();
--> statement-breakpoint

-- Users who were there before this table.
insert into user_security (user_id) select id from users;
--> statement-breakpoint

comment on table user_security is 'One row a user, made by a trigger on users. Secrets are encrypted, recovery codes hashed.';
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  create_user_security()
from public;
