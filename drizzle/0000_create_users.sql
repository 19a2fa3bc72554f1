-- Players' accounts.

-- Whoever waits for a table makes everybody wait who comes later: so not for long.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Names mean what is in public, whatever the role's search_path: drizzle-kit sets none.
set local search_path = public;
--> statement-breakpoint

-- Two migrators that race wait here for each other, and not half-way through their changes.
lock table drizzle.__drizzle_migrations in share row exclusive mode;
--> statement-breakpoint

-- Without it two that began at the same time could both apply a migration that can be repeated without an
-- error, such as a change of rows. The slower one fails on this, whole. (The table has a line a migration.)
-- squawk-ignore require-concurrent-index-creation
create unique index if not exists __drizzle_migrations_once on drizzle.__drizzle_migrations (created_at);
--> statement-breakpoint

create table if not exists drizzle.__drizzle_migrations_runs (
  created_at bigint primary key,
  started_at timestamptz,
  applied_at timestamptz,
  -- Of a migration that does not run in a transaction: hashes of its statements that are done.
  statements text[] not null default '{}'
);
--> statement-breakpoint

create or replace function drizzle.__drizzle_migrations_record() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A migration begins where the one before it in the same transaction ended, or with the transaction.
  started timestamptz := coalesce(nullif(current_setting('migrations.started_at', true), '')::timestamptz, now());
begin
  if tg_op = 'INSERT' then
    insert into drizzle.__drizzle_migrations_runs as run (created_at, started_at, applied_at)
    values (new.created_at, started, clock_timestamp())
    on conflict (created_at) do update
      set started_at = case when run.applied_at is null then run.started_at else excluded.started_at end,
        applied_at = excluded.applied_at, statements = '{}';
    perform set_config('migrations.started_at', clock_timestamp()::text, true);
  elsif tg_op = 'UPDATE' then
    update drizzle.__drizzle_migrations_runs set created_at = new.created_at where created_at = old.created_at;
  else
    delete from drizzle.__drizzle_migrations_runs where created_at = old.created_at;
  end if;
  return null;
end;
$$;
--> statement-breakpoint

-- Without it nobody could say when a migration was applied and how long it took: drizzle-kit's own table
-- has no time.
create or replace trigger __drizzle_migrations_record
  after insert or update or delete on drizzle.__drizzle_migrations
  for each row
  execute function drizzle.__drizzle_migrations_record();
--> statement-breakpoint

-- Without it a client could store a number that JavaScript reads as another one, such as 12345678901234567890 or 1e400.
create function json_numbers_exact(value jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- A double in the shortest digits that give it back, as JavaScript writes it.
set extra_float_digits = 1
return not exists (
  select from jsonb_path_query(value, 'strict $.** ? (@.type() == "number")') as found (number)
  where case
    when abs(number::numeric) > 1.7976931348623157e308 then true
    when number::numeric <> 0 and abs(number::numeric) < 4.9e-324 then true
    -- A double gives any 15 digits back.
    when abs(number::numeric) > 2.3e-308 and length(trim('0' from translate(number #>> '{}', '-.', ''))) <= 15 then false
    -- A number halfway between two doubles is written by JavaScript and not by float8, if it has fewer digits than the
    -- shortest between them: 1e23, and not 9.999999999999999e22. There are none beyond 1e41.
    when number::text::float8::text::numeric = number::numeric then
      abs(number::numeric) between 9007199254740992 and 1e41 and exists (
        select from
          (select abs(trim_scale(number::numeric))) as whole (value),
          lateral (select ('1e' || 1 + length(value::text) - length(rtrim(value::text, '0')))::numeric) as next_digit (unit),
          (values (0), (1)) as neighbours (above)
        where (value - mod(value, unit) + above * unit)::text::float8 = value::text::float8
      )
    else length(trim('0' from translate(number #>> '{}', '-.', '')))
        >= length(trim('0' from translate(number::text::float8::text::numeric::text, '-.', '')))
  end
);
--> statement-breakpoint

create table users (
  id uuid primary key default gen_random_uuid(),
  -- Both are ASCII, and compared and lower-cased as such: by the database's own collation I could become ı (Turkish).
  email varchar(255) collate "C" not null constraint users_email_key unique,
  username varchar(50) collate "C" not null constraint users_username_key unique,
  password_hash varchar(255) not null,
  email_verified boolean not null default false,
  email_verification_token varchar(64),
  status varchar(20) not null default 'active',
  role varchar(20) not null default 'user',
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  last_login timestamptz,
  deleted_at timestamptz,
  metadata jsonb not null default '{}',
  constraint users_status_check check (status in ('active', 'suspended', 'banned')),
  constraint users_role_check check (role in ('user', 'moderator', 'admin')),
  constraint users_password_hash_check check (password_hash ~ '^([$]([a-z0-9-]+|P|H)[$]|(argon2|bcrypt|pbkdf2|scrypt)[a-z0-9_:]*[$]|!$)'),
  constraint users_metadata_check check (jsonb_typeof(metadata) = 'object'),
  -- What no JavaScript client can be given: keys that would reach the prototype of what they are set on, and
  -- depth that cannot be recursed into. An error while looking counts as found.
  constraint users_metadata_keys_check check (coalesce(metadata @? 'strict $.** ? (@.type() == "object").keyvalue() ? (@.key == "__proto__" || @.key == "constructor" || @.key == "prototype")', true) = false),
  constraint users_metadata_depth_check check (coalesce(metadata @? 'strict $.**{33 to last}', true) = false),
  constraint users_metadata_size_check check (octet_length(metadata::text) <= 65536),
  -- A double holds any 15 digits: only longer numbers need a look.
  constraint users_metadata_numbers_check check (metadata::text !~ '[0-9.]{16}' or json_numbers_exact(metadata)),
  -- Times that every client can hold; infinity would be read as no time at all.
  constraint users_times_check check (
    least(created_at, updated_at, last_login, deleted_at) >= timestamptz '0001-01-01 00:00:00+00' and greatest(created_at, updated_at, last_login, deleted_at) < timestamptz '10000-01-01 00:00:00+00'
  ),
  constraint users_email_check check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  -- ASCII alone: no two names look alike in another script, and none hides what it is.
  constraint users_username_check check (username ~ '^[A-Za-z0-9_-]{3,50}$')
);
--> statement-breakpoint

-- Indexes. An email and a username belong to one account, whatever their case.

create unique index idx_users_email on users (lower(email));
--> statement-breakpoint
create unique index idx_users_username on users (lower(username));
--> statement-breakpoint
create index idx_users_status on users (status) where status <> 'active';
--> statement-breakpoint
create index idx_users_created on users (created_at desc, id desc) where deleted_at is null;
--> statement-breakpoint
create index idx_users_status_created on users (status, created_at desc, id desc) where deleted_at is null;
--> statement-breakpoint
create index idx_users_role_created on users (role, created_at desc, id desc) where deleted_at is null;
--> statement-breakpoint
-- In the order of bytes: the one that `like 'abc%'` can use, whatever the database's collation.
create index idx_users_username_order on users (lower(username) collate "C") where deleted_at is null;
--> statement-breakpoint
create index idx_users_metadata on users using gin (metadata jsonb_path_ops);
--> statement-breakpoint

-- Triggers.

-- To the millisecond: a JavaScript Date holds no more, and a version must come back as it was.
create function set_updated_at() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    new.updated_at := date_trunc('milliseconds', current_timestamp);
  -- By their bytes: not every type has an equality.
  elsif record_image_ne(new, old) then
    -- Strictly later than before, whatever the clock does: callers use updated_at as the row's version.
    new.updated_at := greatest(date_trunc('milliseconds', clock_timestamp()), date_trunc('milliseconds', old.updated_at) + interval '1 millisecond');
  end if;
  return new;
end;
$$;
--> statement-breakpoint

-- Without it a client could change a row and leave its version as it was, and the next one would
-- overwrite that change unseen. An update that changes nothing keeps the version.
create trigger users_set_updated_at
  before insert or update on users
  for each row
  execute function set_updated_at();
--> statement-breakpoint

create function unverify_email() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.email_verified := false;
  -- A token that comes with the new address is for that address.
  if new.email_verification_token is not distinct from old.email_verification_token then
    new.email_verification_token := null;
  end if;
  return new;
end;
$$;
--> statement-breakpoint

-- Without it an account could verify an address that it owns, and then take one that it does not.
create trigger unverify_email
  before update of email on users
  for each row
  when (lower(new.email) <> lower(old.email))
  execute function unverify_email();
--> statement-breakpoint

create function keep_an_administrator() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One after the other: two who demote each other at the same time would each see that the other one stays.
  perform pg_advisory_xact_lock(hashtextextended('keep_an_administrator', 0));
  if not exists (select from public.users where role = 'admin' and status = 'active' and deleted_at is null) then
    raise exception 'the last active administrator must stay'
      using errcode = 'restrict_violation', schema = 'public', table = 'users', constraint = 'users_last_admin';
  end if;
  return null;
end;
$$;
--> statement-breakpoint

-- Without them nobody might be left who can appoint an administrator. They cost nothing where none is lost.
create trigger keep_an_administrator_updated
  after update of role, status, deleted_at on users
  for each row
  when (
    old.role = 'admin' and old.status = 'active' and old.deleted_at is null
    and not (new.role = 'admin' and new.status = 'active' and new.deleted_at is null)
  )
  execute function keep_an_administrator();
--> statement-breakpoint
create trigger keep_an_administrator_deleted
  after delete on users
  for each row
  when (old.role = 'admin' and old.status = 'active' and old.deleted_at is null)
  execute function keep_an_administrator();
--> statement-breakpoint

comment on table users is 'Players'' accounts. Email and username are unique without regard to case, also after a soft delete.';
--> statement-breakpoint
comment on column users.updated_at is 'Kept by a trigger; rises with every change, so that it serves as the row''s version.';
--> statement-breakpoint
comment on column users.deleted_at is 'Set: softly deleted, invisible to every ordinary read; restorable.';
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  set_updated_at(), unverify_email(), keep_an_administrator()
from public;
