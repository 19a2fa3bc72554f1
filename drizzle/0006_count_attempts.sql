-- Sign-in: known devices, attempts that are counted before the password is checked, and limits of addresses.

-- A waiting lock request blocks every later one, so lock_timeout is short.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Unqualified names refer to public, independent of the role's search_path.
set local search_path = public;
--> statement-breakpoint

-- Before the first release the tables are empty: checking their rows and building an index takes no time.
-- squawk-ignore-file constraint-missing-not-valid, adding-foreign-key-constraint, require-concurrent-index-creation

create table user_devices (
  id uuid not null,
  user_id uuid not null,
  token_hash varchar(64) not null,
  name varchar(50),
  user_agent text,
  created_at timestamptz not null default current_timestamp,
  last_used_at timestamptz not null,
  expires_at timestamptz not null,
  attempts integer not null default 0,
  attempts_total bigint not null default 0,
  last_attempt_at timestamptz,
  failing_since timestamptz,
  locked_until timestamptz,
  constraint user_devices_pkey primary key (user_id, id),
  constraint user_devices_token_hash_key unique (user_id, token_hash),
  constraint user_devices_user_id_users_id_fk foreign key (user_id) references users (id) on delete cascade,
  constraint user_devices_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  constraint user_devices_attempts_check check (attempts >= 0 and attempts <= attempts_total),
  constraint user_devices_times_check check (
    least(created_at, last_used_at, expires_at, last_attempt_at, failing_since, locked_until) >= timestamptz '0001-01-01 00:00:00+00'
    and greatest(created_at, last_used_at, expires_at, last_attempt_at, failing_since, locked_until) < timestamptz '10000-01-01 00:00:00+00'
  )
);
--> statement-breakpoint
create index idx_user_devices_expires on user_devices (expires_at);
--> statement-breakpoint

-- Not logged: the counters of a window are not worth a write to the log, and after a crash they begin again.
create unlogged table rate_limits (
  bucket varchar(100) not null,
  member varchar(64) not null default '',
  count integer not null,
  expires_at timestamptz not null,
  constraint rate_limits_pkey primary key (bucket, member)
);
--> statement-breakpoint
create index idx_rate_limits_expires on rate_limits (expires_at);
--> statement-breakpoint

alter table user_security
  add column attempts_total bigint not null default 0,
  add column failing_since timestamptz,
  drop constraint user_security_times_check,
  add constraint user_security_times_check check (
    least(last_attempt_at, locked_until, password_changed_at, failing_since) >= timestamptz '0001-01-01 00:00:00+00'
    and greatest(last_attempt_at, locked_until, password_changed_at, failing_since) < timestamptz '10000-01-01 00:00:00+00'
  );
--> statement-breakpoint

alter table user_sessions
  add column device_id uuid,
  add column failures integer not null default 0,
  add constraint user_sessions_device_fk foreign key (user_id, device_id) references user_devices (user_id, id) on delete set null (device_id);
--> statement-breakpoint
create index idx_sessions_device on user_sessions (user_id, device_id) where device_id is not null;
--> statement-breakpoint

-- A guess writes only columns that are not recorded. What is recorded are decisions: failing_since, the first failure
-- after a success, and locked_until, each lock and its end.
comment on column user_devices.user_id is '[subject]';
--> statement-breakpoint
select record_changes_of('user_devices', 'id', '{token_hash}', '{last_used_at, expires_at, attempts, attempts_total, last_attempt_at}');
--> statement-breakpoint
comment on column user_security.login_attempts is '[unrecorded]';
--> statement-breakpoint
comment on column user_security.attempts_total is '[unrecorded]';
--> statement-breakpoint
comment on column user_security.last_attempt_at is '[unrecorded]';
--> statement-breakpoint
select refresh_change_recorders();
--> statement-breakpoint

-- The lock that begins with an attempt: none for the first `free` ones, then 30 s, doubling to 1 h.
create function attempt_lock(attempt integer, free integer) returns interval
language sql immutable parallel safe
return case when attempt > free then least(interval '30 seconds' * 2 ^ least(attempt - free - 1, 7), interval '1 hour') end;
--> statement-breakpoint

-- Counts an event in a window that begins with its first one. Returns the seconds until the window ends if the number is
-- above `most`.
create function count_event(counted varchar, most integer, span interval) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  number integer;
  ends timestamptz;
begin
  insert into public.rate_limits as limits (bucket, count, expires_at) values (counted, 1, now() + span)
  on conflict (bucket, member) do update set
    count = case when limits.expires_at <= excluded.expires_at - span then 1 else limits.count + 1 end,
    expires_at = case when limits.expires_at <= excluded.expires_at - span then excluded.expires_at else limits.expires_at end
  returning limits.count, limits.expires_at into number, ends;
  -- Not now(): another transaction may have begun the window after this one started.
  return case when number > most then greatest(1, ceil(extract(epoch from ends - clock_timestamp()))) end;
end;
$$;
--> statement-breakpoint

-- The address and its network, with the factor of their limits. One IPv6 host has a whole /64.
create function address_networks(address inet) returns table (network text, factor integer)
language sql immutable parallel safe
begin atomic
  select host(network(set_masklen(address, bits))) || '/' || bits, scale
  from (values (case family(address) when 4 then 32 else 64 end, 1), (case family(address) when 4 then 24 else 48 end, 5)) as sizes (bits, scale);
end;
--> statement-breakpoint

-- Counts a sign-in of an address before its password is checked: 20 failures in 15 minutes and 30 accounts an hour; of a
-- network five times that. A success takes its count back (forgive_address). Returns the seconds to wait if a limit is
-- exceeded. `login` identifies the account that is tried, whether it exists or not.
create function count_address(address inet, login varchar) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  counted record;
  wait integer;
begin
  for counted in select network, factor from public.address_networks(address) loop
    wait := public.count_event('failures ' || counted.network, 20 * counted.factor, '15 minutes');
    exit when wait is not null;
    insert into public.rate_limits as limits (bucket, member, count, expires_at)
    values ('accounts ' || counted.network, login, 1, now() + interval '1 hour')
    on conflict (bucket, member) do update set expires_at = excluded.expires_at where limits.expires_at <= excluded.expires_at - interval '1 hour';
    if found then
      wait := public.count_event('accounts ' || counted.network, 30 * counted.factor, '1 hour');
      exit when wait is not null;
    end if;
  end loop;
  return wait;
end;
$$;
--> statement-breakpoint

create function forgive_address(address inet, login varchar) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  counted record;
begin
  for counted in select network from public.address_networks(address) loop
    update public.rate_limits set count = count - 1 where bucket = 'failures ' || counted.network and member = '' and count > 0;
    delete from public.rate_limits where bucket = 'accounts ' || counted.network and member = login;
    if found then
      update public.rate_limits set count = count - 1 where bucket = 'accounts ' || counted.network and member = '' and count > 0;
    end if;
  end loop;
end;
$$;
--> statement-breakpoint

-- Takes a ticket for one attempt, which is counted before the password is checked: any number of attempts at once gets
-- the free ones and no more. A known device has a bucket of its own and passes the limits of addresses.
--   verdict  device, stranger: the attempt may be checked · locked · limited (wait: seconds) · unknown: no such account
--   ticket   the number of the attempt in its bucket; success forgives it and all earlier ones
--   failures the attempts before it
--   since    the first failure since the last success
create function take_attempt(context text, owner uuid, device uuid, address inet, login varchar)
returns table (verdict text, ticket bigint, failures integer, since timestamptz, wait integer)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  state public.user_security;
  failed integer;
begin
  perform set_config('audit.context', context, true);
  if device is not null then
    return query
    update public.user_devices set
      attempts = attempts + 1, attempts_total = attempts_total + 1, last_attempt_at = now(),
      locked_until = now() + public.attempt_lock(attempts + 1, 9)
    where user_id = owner and id = device and attempts < 20 and expires_at > now()
      and (locked_until is null or locked_until <= now())
    returning 'device', attempts_total, attempts - 1, failing_since, null::integer;
    if found then
      return;
    end if;
    if exists (select from public.user_devices where user_id = owner and id = device and attempts < 20 and expires_at > now()) then
      return query select 'locked', null::bigint, null::integer, null::timestamptz, null::integer;
      return;
    end if;
  end if;

  if address is not null then
    wait := public.count_address(address, login);
    if wait is not null then
      return query select 'limited', null::bigint, null::integer, null::timestamptz, take_attempt.wait;
      return;
    end if;
  end if;

  select * into state from public.user_security where user_id = owner for update;
  if not found then
    return query select 'unknown', null::bigint, null::integer, null::timestamptz, null::integer;
    return;
  end if;
  -- Failures are forgotten 30 days after the last one, and the next one is a first one again.
  if state.last_attempt_at < now() - interval '30 days' then
    state.login_attempts := 0;
    state.failing_since := null;
  end if;
  failed := state.login_attempts;
  if failed >= 100 or state.locked_until > now() then
    return query select 'locked', null::bigint, null::integer, null::timestamptz, null::integer;
    return;
  end if;
  update public.user_security set
    login_attempts = failed + 1, attempts_total = attempts_total + 1, last_attempt_at = now(),
    failing_since = state.failing_since, locked_until = now() + public.attempt_lock(failed + 1, 4)
  where user_id = owner;
  return query select 'stranger', state.attempts_total + 1, failed, state.failing_since, null::integer;
end;
$$;
--> statement-breakpoint

-- Records that an attempt failed: the first failure since a success, and a device that failed too often.
create function fail_attempt(context text, owner uuid, device uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('audit.context', context, true);
  if device is null then
    update public.user_security set failing_since = now() where user_id = owner and failing_since is null and login_attempts > 0;
  else
    delete from public.user_devices where user_id = owner and id = device and attempts >= 20;
    update public.user_devices set failing_since = now() where user_id = owner and id = device and failing_since is null and attempts > 0;
  end if;
end;
$$;
--> statement-breakpoint

-- Forgives an attempt that succeeded and all earlier ones of its bucket: those that took a later ticket stay.
create function forgive_attempt(context text, owner uuid, device uuid, number bigint, address inet, login varchar) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  remaining integer;
begin
  perform set_config('audit.context', context, true);
  if device is not null then
    -- A device that was forgotten after the ticket, and is known again by this sign-in, has counted nothing.
    select greatest(0, least(attempts, attempts_total - number)) into remaining from public.user_devices where user_id = owner and id = device for update;
    update public.user_devices set
      attempts = remaining,
      failing_since = case when remaining > 0 then failing_since end,
      locked_until = case when public.attempt_lock(remaining, 9) is not null then locked_until end
    where user_id = owner and id = device;
    return;
  end if;
  -- First the address, as take_attempt does: in the other order two sign-ins of one account at once would deadlock.
  if address is not null then
    perform public.forgive_address(address, login);
  end if;
  select least(login_attempts, attempts_total - number) into remaining from public.user_security where user_id = owner for update;
  update public.user_security set
    login_attempts = remaining,
    failing_since = case when remaining > 0 then failing_since end,
    locked_until = case when public.attempt_lock(remaining, 4) is not null then locked_until end
  where user_id = owner;
end;
$$;
--> statement-breakpoint

-- Inserts a session with its device, sets last_login, and ends the least recently used sessions of the account beyond
-- `most`; devices are limited to 20. It returns no row if the account is not active, if the password was changed since it
-- was checked (`password_date` is the time of its change then), or if the account has a second factor that was not proved.
-- The lock on the account makes concurrent sign-ins and changes of the password wait for each other: one statement alone
-- would not see the sessions that other transactions insert at the same time, and would leave more than `most`. `context`
-- is the actor for the audit trail.
create function create_user_session(
  context text, session_id uuid, owner uuid, token_id uuid, session_factors text[], lifetime interval, idle interval,
  address inet, agent text, most integer, device uuid, device_token_hash varchar, failed integer,
  password_date timestamptz
) returns setof user_sessions
language plpgsql
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  known boolean;
begin
  perform set_config('audit.context', context, true);
  perform from public.users where id = owner and status = 'active' and deleted_at is null for no key update;
  if not found then
    return;
  end if;
  if not 'operator' = any (session_factors) then
    perform from public.user_security
    where user_id = owner and password_changed_at = password_date
      and (not two_factor_enabled or session_factors && array['totp', 'recovery_code']);
    if not found then
      return;
    end if;
    update public.users set last_login = now() where id = owner;
  end if;

  -- A statement that changes no row is avoided: its trigger, which records changes, takes as long as the statement itself.
  if device is not null then
    known := exists (select from public.user_devices where user_id = owner and id = device);
    if known then
      update public.user_devices set token_hash = device_token_hash, last_used_at = now(), expires_at = now() + interval '400 days'
      where user_id = owner and id = device;
      known := found;
    end if;
    if not known then
      insert into public.user_devices (id, user_id, token_hash, user_agent, last_used_at, expires_at)
      values (device, owner, device_token_hash, agent, now(), now() + interval '400 days');
    end if;
    if (select count(*) > 20 from public.user_devices where user_id = owner) then
      delete from public.user_devices where user_id = owner and id in (
        select id from public.user_devices where user_id = owner and id <> device order by last_used_at desc, id desc offset 19
      );
    end if;
  end if;

  return query
  insert into public.user_sessions
    (id, user_id, refresh_token_id, factors, ip_address, user_agent, expires_at, idle_expires_at, device_id, failures)
  values (session_id, owner, token_id, session_factors, address, agent, now() + lifetime, now() + idle, device, failed)
  returning user_sessions.*;

  if (
    select count(*) > most from public.user_sessions
    where user_id = owner and revoked_at is null and expires_at > now() and idle_expires_at > now()
  ) then
    update public.user_sessions set revoked_at = now(), revocation_reason = 'session_limit'
    where user_id = owner and revoked_at is null and id in (
      select id from public.user_sessions
      where user_id = owner and id <> session_id and revoked_at is null and expires_at > now() and idle_expires_at > now()
      order by last_active desc, id desc
      offset most - 1
    );
  end if;
end;
$$;
--> statement-breakpoint

comment on table user_devices is 'Devices that an account has signed in from. token_hash is the SHA-256 of the token that the device keeps.';
--> statement-breakpoint
comment on table rate_limits is 'Counters of a fixed window, such as the failed sign-ins of an address.';
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  attempt_lock(integer, integer), count_event(varchar, integer, interval), address_networks(inet),
  count_address(inet, varchar), forgive_address(inet, varchar), take_attempt(text, uuid, uuid, inet, varchar),
  fail_attempt(text, uuid, uuid), forgive_attempt(text, uuid, uuid, bigint, inet, varchar),
  create_user_session(text, uuid, uuid, uuid, text[], interval, interval, inet, text, integer, uuid, varchar, integer, timestamptz)
from public;
