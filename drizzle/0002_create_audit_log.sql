-- The audit trail, partitioned by month. Partitions live in a schema of their own, so that tools
-- show the table and not its forty parts.

-- Whoever waits for a table makes everybody wait who comes later: so not for long.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Names mean what is in public, whatever the role's search_path: drizzle-kit sets none.
set local search_path = public;
--> statement-breakpoint

create schema partitions;
--> statement-breakpoint

create table audit_log (
  id uuid not null default gen_random_uuid(),
  user_id uuid,
  action varchar(50) not null,
  resource_type varchar(50),
  resource_id varchar(255),
  changes jsonb,
  ip_address inet,
  user_agent text,
  -- Of the row: events of a long transaction are in their order among its changes.
  created_at timestamptz not null default greatest(current_timestamp, clock_timestamp()),
  actor varchar(100) not null default ('db:' || current_user),
  request_id varchar(64),
  -- No foreign keys: they outlive the accounts.
  acting_id uuid,
  subject_id uuid,
  -- What no JavaScript client can be given, as in users.metadata, whose changes lie two levels deeper here. An error
  -- while looking counts as found. The path takes six times as long as the text, which tells almost all.
  constraint audit_log_changes_check check (jsonb_typeof(changes) = 'object'),
  constraint audit_log_changes_keys_check check (
    changes is null or changes::text not like all (array['%"__proto__":%', '%"constructor":%', '%"prototype":%'])
    or coalesce(changes @? 'strict $.** ? (@.type() == "object").keyvalue() ? (@.key == "__proto__" || @.key == "constructor" || @.key == "prototype")', true) = false
  ),
  constraint audit_log_changes_depth_check check (changes is null or coalesce(changes @? 'strict $.**{35 to last}', true) = false),
  -- Times that every client can hold; infinity would be read as no time at all.
  constraint audit_log_times_check check (created_at >= timestamptz '0001-01-01 00:00:00+00' and created_at < timestamptz '10000-01-01 00:00:00+00'),
  constraint audit_log_pkey primary key (id, created_at),
  constraint audit_log_user_id_users_id_fk foreign key (user_id) references users (id) on delete set null
) partition by range (created_at);
--> statement-breakpoint

create index idx_audit_user on audit_log (user_id, created_at desc);
--> statement-breakpoint
create index idx_audit_created on audit_log (created_at desc);
--> statement-breakpoint
create index idx_audit_resource on audit_log (resource_type, resource_id, created_at desc);
--> statement-breakpoint
create index idx_audit_subject on audit_log (subject_id, created_at desc);
--> statement-breakpoint

create function set_acting_id() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.acting_id := new.user_id;
  return new;
end;
$$;
--> statement-breakpoint

-- Without it a row could name one account now, and another one when the first is deleted. Writers set both columns, so that
-- it seldom fires.
create trigger set_acting_id
  before insert on audit_log
  for each row
  when (new.user_id is not null and new.acting_id is distinct from new.user_id)
  execute function set_acting_id();
--> statement-breakpoint

-- Rows are added and read, and never changed, by nobody: the owner and Studio included. The one exception is the foreign
-- key, which sets user_id to null when the account is deleted.
create function refuse_audit_log_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A record: the columns of a partition may be in another order than the table's.
  without_user record;
begin
  -- The key's own trigger is one level above this one.
  if tg_op = 'UPDATE' and pg_trigger_depth() > 1 and to_jsonb(old) ? 'user_id' then
    without_user := old;
    without_user.user_id := null;
    if not record_image_ne(new, without_user) and not exists (select from public.users where users.id = old.user_id) then
      return new;
    end if;
  end if;
  raise exception '% of % is refused: rows of the audit trail are never changed', tg_op, tg_table_name
    using errcode = 'feature_not_supported', hint = 'Record what is to be added or corrected in a new row.';
end;
$$;
--> statement-breakpoint

create trigger refuse_change
  before update or delete on audit_log
  for each row
  execute function refuse_audit_log_change();
--> statement-breakpoint

-- It also keeps TRUNCATE users CASCADE from emptying the trail, which refers to users. Partitions have their own:
-- PostgreSQL does not pass a trigger of a statement on to them.
create trigger refuse_truncate
  before truncate on audit_log
  for each statement
  execute function refuse_audit_log_change();
--> statement-breakpoint

-- Settings of a caller must not change what the functions below and those of 0004 do. With standard_conforming_strings off,
-- PostgreSQL would read their patterns, such as '\(', as other ones.

-- The partitions that take rows, with their bounds, infinity where there is none. One that is being detached takes no
-- rows. (Bounds are printed and read as the settings below say.)
create function audit_log_bounds(parent regclass default 'audit_log') returns table (relation regclass, lower_bound timestamptz, upper_bound timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
  select inhrelid::regclass,
    case when bound.text ~ 'FROM \(MINVALUE\)' then '-infinity' else substring(bound.text from 'FROM \(''([^'']+)')::timestamptz end,
    case when bound.text ~ 'TO \(MAXVALUE\)' then 'infinity' else substring(bound.text from 'TO \(''([^'']+)')::timestamptz end
  from pg_inherits join pg_class on pg_class.oid = inhrelid
  cross join lateral (select pg_get_expr(relpartbound, inhrelid) as text) as bound
  where inhparent = parent and not inhdetachpending and bound.text <> 'DEFAULT'
  order by 2
$$;
--> statement-breakpoint

-- The end of the months that have partitions, how many of them come after this month (negative if they have ended), and
-- whether rows are beyond them: of a time to come, or of the present, if no months were made for a long time.
create function audit_log_runway() returns table (ends_at timestamptz, months_ahead integer, has_rows_beyond boolean)
language sql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
as $$
  select ends_at,
    (12 * (extract(year from ends_at) - extract(year from now())) + extract(month from ends_at) - extract(month from now()) - 1)::integer,
    exists (select from public.audit_log where created_at >= ends_at)
  from (select coalesce(min(lower_bound) filter (where upper_bound = 'infinity'), max(upper_bound)) from public.audit_log_bounds()) as months (ends_at)
$$;
--> statement-breakpoint

-- Stretches of time from this month on for which the trail has no place, and what is in the way of a partition there.
-- And what will become a problem: too few months in advance, and rows beyond them. And what lets rows be changed.
create function audit_log_problems() returns table (problem text, blocks_writes boolean)
language sql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
  with bounds as materialized (
    select * from public.audit_log_bounds()
  ), members (member) as (
    select 'public.audit_log'::regclass union all select relation from bounds
    union all
    -- Its log, which later migrations create.
    select oid from pg_class where oid in (to_regclass('public.audit_leaves'), to_regclass('public.audit_tree'), to_regclass('public.audit_checkpoints'))
    union all
    select inhrelid from pg_inherits where inhparent = to_regclass('public.audit_leaves')
  )
  select format('audit_log has no partition for rows from %s to %s', lower(missing), upper(missing))
      || case when relname is null then '' else format('; partitions.%s is there, %s, and not attached', relname,
        case relkind when 'r' then 'a table' when 'p' then 'a partitioned table' when 'v' then 'a view' when 'm' then 'a materialized view'
          when 'i' then 'an index' when 'S' then 'a sequence' when 'f' then 'a foreign table' else 'a type' end) end,
    missing @> now() and (select partdefid = 0 from pg_partitioned_table where partrelid = 'public.audit_log'::regclass)
  from (select coalesce(range_agg(tstzrange(lower_bound, upper_bound)), '{}') as taken from bounds) as months
  cross join lateral unnest(tstzmultirange(tstzrange(date_trunc('month', now()), 'infinity')) - taken) as missing
  left join pg_class on relnamespace = to_regnamespace('partitions') and relname = case upper(missing) when 'infinity' then 'audit_log_beyond'
    else 'audit_log_' || to_char(lower(missing), 'YYYY_MM') end
  union all
  select problem, false
  from public.audit_log_runway() cross join lateral (values
    (months_ahead < 3, format('the months of audit_log end on %s, with less than 3 whole months after this one', ends_at::date)),
    (has_rows_beyond, format('partitions.audit_log_beyond has rows: of %s or later, which is beyond all months', ends_at::date))
  ) as possible (applies, problem)
  where applies
  union all
  select format('rows of %s can be changed: trigger %s is %s', member, wanted, case when tgname is null then 'missing' else 'disabled' end), false
  from members
  cross join unnest('{refuse_change,refuse_truncate}'::name[]) as wanted
  left join pg_trigger on tgrelid = member and tgname = wanted
  where tgenabled is distinct from 'O' and tgenabled is distinct from 'A'
  union all
  select format('rows of %s can be changed or omitted: %s %s is not of the service', member, kind, name), false
  from members
  cross join lateral (
    -- Before a row is written, or instead of it.
    select 'trigger', tgname from pg_trigger
    where tgrelid = member and not tgisinternal and tgtype & 66 <> 0 and tgname not in ('refuse_change', 'refuse_truncate', 'set_acting_id')
    union all
    select 'rule', rulename from pg_rewrite where ev_class = member
  ) as others (kind, name)
$$;
--> statement-breakpoint

-- Makes the table of one stretch of time a partition: the one that has the name already, such as one that was detached,
-- or a new one. It is made apart and then attached: CREATE TABLE … PARTITION OF would lock out every reader and
-- writer of the trail (PostgreSQL manual, ALTER TABLE, ATTACH PARTITION).
create function attach_audit_log_partition(partition_name name, lower_bound timestamptz, upper_bound timestamptz, parent regclass default 'audit_log') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  existing constant regclass := to_regclass(format('partitions.%I', partition_name));
begin
  if existing is null then
    execute format('create table partitions.%I (like %s including defaults including constraints)', partition_name, parent);
  elsif exists (select from pg_inherits where inhrelid = existing and inhparent = parent and inhdetachpending) then
    execute format('alter table %s detach partition partitions.%I finalize', parent, partition_name);
  end if;
  execute format('alter table %s attach partition partitions.%I for values from (%s) to (%s)', parent, partition_name,
    quote_literal(lower_bound), case when upper_bound = 'infinity' then 'maxvalue' else quote_literal(upper_bound) end);
  execute format('create or replace trigger refuse_truncate before truncate on partitions.%I for each statement execute function public.refuse_audit_log_change()',
    partition_name);
end;
$$;
--> statement-breakpoint

-- The upper bound that a constraint gives the rows of partitions.audit_log_beyond, null without one, and whether it is
-- validated.
create function audit_log_beyond_bound() returns table (upper_bound timestamptz, validated boolean)
language sql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
  select substring(pg_get_constraintdef(oid) from 'created_at < ''([^'']+)')::timestamptz, convalidated
  from pg_constraint where conrelid = to_regclass('partitions.audit_log_beyond') and conname = 'audit_log_beyond_bound'
$$;
--> statement-breakpoint

-- Gives the rows of partitions.audit_log_beyond an upper bound before it becomes a partition of months. Without a constraint
-- that proves the bounds, attaching a table reads all its rows while every reader and writer waits (PostgreSQL manual, ALTER
-- TABLE, ATTACH PARTITION). Returns whether there is a further step, for which to call it again in another transaction: the
-- first adds the constraint, which locks the table for a moment; the second validates it beside writers.
--
-- Rows of the present and the next month have a place within the bound. If the next step does not follow, for example
-- because the service was stopped, the constraint is dropped before it could refuse a row.
create function prepare_audit_log_beyond() returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
set lock_timeout = '100ms'
as $$
declare
  first_moment timestamptz;
  upper constant timestamptz := date_trunc('month', now()) + interval '2 months';
  existing record;
begin
  select lower_bound into first_moment from public.audit_log_bounds() where relation = to_regclass('partitions.audit_log_beyond');
  select * into existing from public.audit_log_beyond_bound();
  if existing.upper_bound < now() + interval '1 week' then
    alter table partitions.audit_log_beyond drop constraint audit_log_beyond_bound;
    return true;
  elsif existing.validated is false then
    alter table partitions.audit_log_beyond validate constraint audit_log_beyond_bound;
    return false;
  elsif existing.validated or first_moment is null or first_moment > now() then
    return false;
  end if;
  -- Of rows that are dated ahead it cannot be proved. They are moved, after the others were read.
  if not exists (select from partitions.audit_log_beyond) or exists (select from partitions.audit_log_beyond where created_at >= upper) then
    return false;
  end if;
  execute format('alter table partitions.audit_log_beyond add constraint audit_log_beyond_bound check (created_at >= %L::timestamptz and created_at < %L::timestamptz) not valid',
    first_moment, upper);
  return true;
end;
$$;
--> statement-breakpoint

-- Takes partitions.audit_log_beyond, which has no upper bound, off the months up to `horizon`. What rows it has of
-- them are not moved: it becomes one partition of just those months, or of those up to the bound of its constraint.
create function narrow_audit_log_beyond(horizon timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
as $$
declare
  first_moment timestamptz;
  last_month timestamptz;
  proved timestamptz;
  wide_name name;
begin
  select lower_bound into first_moment from public.audit_log_bounds() where relation = to_regclass('partitions.audit_log_beyond');
  if first_moment is null or first_moment >= horizon then
    return;
  end if;
  alter table public.audit_log detach partition partitions.audit_log_beyond;
  select upper_bound into proved from public.audit_log_beyond_bound() where validated;
  if proved is null then
    select date_trunc('month', max(created_at)) into last_month from partitions.audit_log_beyond where created_at < horizon;
  else
    last_month := proved - interval '1 month';
  end if;
  if last_month is null then
    perform public.attach_audit_log_partition('audit_log_beyond', horizon, 'infinity');
    return;
  end if;

  wide_name := 'audit_log_' || to_char(first_moment, 'YYYY_MM')
    || case when last_month > first_moment then '_to_' || to_char(last_month, 'YYYY_MM') else '' end;
  execute format('alter table partitions.audit_log_beyond rename to %I', wide_name);
  create table partitions.audit_log_beyond (like public.audit_log including defaults including constraints);
  -- Of a later time than all months that are made are few, if any; none if the bound is proved.
  execute format('with later as (delete from partitions.%I where created_at >= $1 returning *) insert into partitions.audit_log_beyond select * from later', wide_name)
    using last_month + interval '1 month';
  perform public.attach_audit_log_partition(wide_name, first_moment, last_month + interval '1 month');
  execute format('alter table partitions.%I drop constraint if exists audit_log_beyond_bound', wide_name);
  perform public.attach_audit_log_partition('audit_log_beyond', greatest(horizon, last_month + interval '1 month'), 'infinity');
end;
$$;
--> statement-breakpoint

-- Attaches a partition for each stretch between two moments that has none, and returns their names. What cannot be
-- attached is left out, with a warning that names the obstacle.
create function fill_audit_log_months(first_moment timestamptz, horizon timestamptz) returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
as $$
declare
  at timestamptz := first_moment;
  upper timestamptz;
  partition_name text;
begin
  while at < horizon loop
    select upper_bound into upper from public.audit_log_bounds() where lower_bound <= at and upper_bound > at;
    if upper is null then
      upper := least(
        case when horizon = 'infinity' then 'infinity' else date_trunc('month', at) + interval '1 month' end,
        (select min(lower_bound) from public.audit_log_bounds() where lower_bound > at));
      partition_name := case when upper = 'infinity' then 'audit_log_beyond' else 'audit_log_' || to_char(at, 'YYYY_MM')
        || case when at > date_trunc('month', at) then to_char(at, '_DD_HH24MISS') else '' end end;
      begin
        perform public.attach_audit_log_partition(partition_name, at, upper);
        return next partition_name;
      exception when lock_not_available or deadlock_detected or query_canceled then
        raise;
      when others then
        raise warning 'partitions.% cannot become the partition of audit_log from % to %: %', partition_name, at, upper, sqlerrm
          using hint = 'Rename or drop it, or remove what keeps it from being attached, and call create_audit_log_partitions() again.';
      end;
    end if;
    at := upper;
  end loop;
end;
$$;
--> statement-breakpoint

-- Partitions. Makes those of this month and of the `months_ahead` after it that are missing, attaches those that were
-- detached, and sees to it that one without an upper bound comes after them, so that there is a place for every row
-- from now on. Returns the names: calling it again, or from two places at once, does nothing more. It runs with its
-- owner's rights, so that a service that does not own the tables can be granted it.
--
-- Changes lock `users` and then the trail. So does this, or it would deadlock with them; it waits 100 ms for a lock,
-- because everybody who comes later waits behind it, and tries again for some seconds. Filling a gap, without which
-- no change can be made, does not wait for readers of the trail; taking months off the last partition does, and is put
-- off when they do not end.
create function create_audit_log_partitions(months_ahead integer default 3) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
set lock_timeout = '100ms'
as $$
declare
  -- Months of UTC, whatever the session's time zone: bounds that moved with it would overlap.
  this_month constant timestamptz := date_trunc('month', now());
  horizon timestamptz;
  attempts integer := 0;
  names text[] := '{}';
  split text[];
begin
  if months_ahead is null or months_ahead not between 0 and 120 then
    raise exception 'months_ahead must be between 0 and 120, not %', coalesce(months_ahead::text, 'null')
      using errcode = 'invalid_parameter_value';
  end if;
  horizon := this_month + make_interval(months => months_ahead + 1);

  loop
    begin
      perform pg_advisory_xact_lock(hashtextextended('create_audit_log_partitions', 0));
      if not (select coalesce(range_agg(tstzrange(lower_bound, upper_bound)) @> tstzrange(this_month, 'infinity'), false) from public.audit_log_bounds()) then
        lock table public.users in share row exclusive mode;
        lock table public.audit_log in share update exclusive mode;
        names := array(select public.fill_audit_log_months(this_month, least(horizon, coalesce(
          (select lower_bound from public.audit_log_bounds() where upper_bound = 'infinity'), horizon))));
        names := names || array(select public.fill_audit_log_months(greatest(horizon, (select max(upper_bound) from public.audit_log_bounds())), 'infinity'));
      end if;
      exit;
    exception when lock_not_available or deadlock_detected then
      names := '{}';
      attempts := attempts + 1;
      if attempts >= 20 then
        raise;
      end if;
      perform pg_sleep(0.02 + random() * 0.1);
    end;
  end loop;
  return query select unnest(names);

  attempts := 0;
  while exists (select from public.audit_log_bounds() where upper_bound = 'infinity' and lower_bound < horizon) loop
    begin
      -- Attaching a table again that has its foreign key drops triggers of `users`.
      lock table public.users in access exclusive mode;
      lock table public.audit_log in access exclusive mode;
      perform public.narrow_audit_log_beyond(horizon);
      split := array(select public.fill_audit_log_months(this_month, horizon));
      return query select unnest(split);
      exit;
    exception when lock_not_available or deadlock_detected then
      attempts := attempts + 1;
      -- What was made is not given up, nor kept from others while this waits.
      if names <> '{}' or attempts >= 20 then
        raise warning 'months ahead are not taken off the last partition of audit_log, because the table is in use';
        exit;
      end if;
      perform pg_sleep(0.02 + random() * 0.1);
    end;
  end loop;
end;
$$;
--> statement-breakpoint

select create_audit_log_partitions();
--> statement-breakpoint

comment on table audit_log is 'Who changed what, when and from where. Partitioned by month; the trail outlives the account.';
--> statement-breakpoint
comment on column audit_log.actor is 'user:<uuid>, service:<name>, system:<job>, or db:<role> for a change made past the service.';
--> statement-breakpoint
comment on column audit_log.acting_id is 'The account that acted, also after it is deleted.';
--> statement-breakpoint
comment on column audit_log.subject_id is 'The account that the row is about, also after it is deleted.';
--> statement-breakpoint
comment on schema partitions is 'The months of audit_log. Query audit_log itself.';
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  set_acting_id(), refuse_audit_log_change(), audit_log_bounds(regclass), audit_log_runway(), audit_log_problems(),
  attach_audit_log_partition(name, timestamptz, timestamptz, regclass), audit_log_beyond_bound(), prepare_audit_log_beyond(),
  narrow_audit_log_beyond(timestamptz), fill_audit_log_months(timestamptz, timestamptz),
  create_audit_log_partitions(integer)
from public;
