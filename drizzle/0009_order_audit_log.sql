-- One order of the audit trail: each row gets a leaf of the log, with an index from 0 and without gaps, and with the hash of the
-- row. Reading the trail by time, or by a number that writers take, misses rows: transactions commit in another order. Writers
-- neither wait for the order nor take part in it.

-- A waiting lock request blocks every later one, so lock_timeout is short.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Unqualified names refer to public, independent of the role's search_path.
set local search_path = public;
--> statement-breakpoint

-- It orders the rows of one transaction, which one session writes: a session may take a hundred numbers at once.
create sequence audit_log_sequence cache 100;
--> statement-breakpoint

-- Rows that are there have neither: a default that is no constant would rewrite the table.
alter table audit_log add column xid xid8, add column sequence bigint;
--> statement-breakpoint
alter table audit_log
  alter column xid set default pg_current_xact_id(),
  alter column sequence set default nextval('audit_log_sequence'),
  add constraint audit_log_order_check check (xid is not null and sequence is not null) not valid;
--> statement-breakpoint
-- The index of a new column has no entries: it is made in the time of reading the table.
-- squawk-ignore require-concurrent-index-creation
create index idx_audit_order on audit_log (xid, sequence) where xid is not null;
--> statement-breakpoint

create table audit_leaves (
  index bigint not null,
  id uuid not null,
  created_at timestamptz not null,
  hash bytea not null,
  changes_salt bytea,
  client_salt bytea,
  constraint audit_leaves_index_check check (index >= 0),
  constraint audit_leaves_hash_check check (octet_length(hash) = 32),
  constraint audit_leaves_salts_check check (octet_length(changes_salt) = 16 and octet_length(client_salt) = 16),
  constraint audit_leaves_pkey primary key (id, created_at),
  constraint audit_leaves_index_key unique (index, created_at)
) partition by range (created_at);
--> statement-breakpoint
create trigger refuse_change
  before update or delete on audit_leaves
  for each row
  execute function refuse_audit_log_change();
--> statement-breakpoint
create trigger refuse_truncate
  before truncate on audit_leaves
  for each statement
  execute function refuse_audit_log_change();
--> statement-breakpoint

create table audit_sequencer (
  id boolean primary key default true,
  size bigint not null default 0,
  xid xid8 not null,
  sequence bigint not null default 0,
  moved_at timestamptz,
  system_identifier bigint not null,
  intake_created_at timestamptz,
  intake_id uuid,
  foreign_xid xid8 not null default '0',
  constraint audit_sequencer_id_check check (id),
  constraint audit_sequencer_size_check check (size >= 0),
  constraint audit_sequencer_intake_check check ((intake_created_at is null) = (intake_id is null))
);
--> statement-breakpoint

-- Gives audit_leaves the partitions that audit_log has, so that a month can be archived with its leaves. Returns the names of
-- the new ones. Leaves of a month that has none are in partitions.audit_leaves_beyond, and are moved: they are few, because the
-- service makes months before it writes leaves.
create function create_audit_leaves_partitions() returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
set timezone = 'UTC'
set lock_timeout = '100ms'
as $$
declare
  -- Of the leaves: the months, and all that has a partition.
  months tstzmultirange;
  covered tstzmultirange;
  missing tstzmultirange;
  beyond tstzrange;
  must_move boolean;
  stretch record;
begin
  -- The bounds of the trail stay as they are meanwhile, and no leaves are written.
  perform pg_advisory_xact_lock(hashtextextended('create_audit_log_partitions', 0)), pg_advisory_xact_lock(hashtextextended('sequence_audit_log', 0));
  select coalesce(range_agg(span) filter (where not is_last), '{}'), coalesce(range_agg(span), '{}'), (array_agg(span) filter (where is_last))[1] into months, covered, beyond
  from (select tstzrange(lower_bound, upper_bound), upper_bound = 'infinity' from public.audit_log_bounds('public.audit_leaves')) as spans (span, is_last);
  select coalesce(range_agg(span) filter (where not is_last), '{}') - months + (coalesce(range_agg(span), '{}') - covered) into missing
  from (select tstzrange(lower_bound, upper_bound), upper_bound = 'infinity' from public.audit_log_bounds()) as spans (span, is_last);
  if isempty(missing) then
    return;
  end if;
  must_move := coalesce(missing && beyond, false);
  if must_move then
    alter table public.audit_leaves detach partition partitions.audit_leaves_beyond;
    alter table partitions.audit_leaves_beyond rename to audit_leaves_moving;
  end if;
  for stretch in
    select lower(span) as lower_bound, upper(span) as upper_bound,
      case when upper(span) = 'infinity' then 'audit_leaves_beyond' else 'audit_leaves_' || coalesce(month, to_char(lower(span), 'YYYY_MM_DD_HH24MISS')) end as partition_name
    from (
      select span, case when span = tstzrange(lower_bound, upper_bound) then substring(relname from '^audit_log_(\d.*)') end
      from public.audit_log_bounds() join pg_class on oid = relation
      cross join lateral unnest(tstzmultirange(tstzrange(lower_bound, upper_bound)) * missing) as span
      union all
      select span, null from unnest(tstzmultirange(beyond) - months - missing) as span where must_move
    ) as spans (span, month)
    order by span
  loop
    perform public.attach_audit_log_partition(stretch.partition_name, stretch.lower_bound, stretch.upper_bound, 'public.audit_leaves');
    return next stretch.partition_name;
  end loop;
  if must_move then
    insert into public.audit_leaves select * from partitions.audit_leaves_moving;
    drop table partitions.audit_leaves_moving;
  end if;
end;
$$;
--> statement-breakpoint

select create_audit_leaves_partitions();
--> statement-breakpoint

-- The sequencer. Takes up to 5,000 rows whose transactions have ended, in the order of (xid, sequence), and gives each a leaf
-- with the next index. Returns how many rows it has looked at: 5,000 if there are more; null if another process is at it.
--
-- No transaction below pg_snapshot_xmin is running, so that no row can come to be before the last one that was taken
-- (PostgreSQL manual, 9.27.8). An open transaction that writes, in any database of the cluster, holds that mark back, and
-- with it the sequencer, but no writer.
--
-- Ids of transactions of another cluster, from which the database was restored, say nothing. So all rows present that have
-- no leaf are taken in once, in the order of their times: those from before this migration, and those from another cluster.
-- Rows of this cluster keep their order, for which they follow.
--
-- The hash of a leaf is SHA-256 of a zero byte and the entry (RFC 6962, 2.1). The entry is the row as JSON in the form of RFC
-- 8785, with texts and nulls only, as src/audit/entry.ts describes it. Of changes, and of the client's address with its user
-- agent, it has commitments: SHA-256 of a random salt and the value, so that a value can be erased and the hash stays valid.
--
-- The two salts of a row are the halves of SHA-256 of the position and 244 random bits, which are kept nowhere: a random value
-- for each salt takes a fifth of the time of the whole.
create function sequence_audit_log() returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
-- A plan for each call would take longer than the call. Rows are read from the index and leaves are looked up one by one,
-- however many there are, and whatever the statistics say of a table that grows.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  uuid_nil constant uuid := '00000000-0000-0000-0000-000000000000';
  state public.audit_sequencer;
  cluster bigint;
  is_intake boolean;
  looked_at integer;
  -- A UUID of version 4 has 122 random bits.
  seed constant bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
begin
  if not pg_try_advisory_xact_lock(hashtextextended('sequence_audit_log', 0)) then
    return null;
  end if;
  select system_identifier into cluster from pg_control_system();
  select * into state from public.audit_sequencer;
  if not found then
    insert into public.audit_sequencer (xid, system_identifier, intake_created_at, intake_id) values ('0', cluster, '-infinity', uuid_nil)
    returning * into state;
  elsif state.system_identifier <> cluster then
    insert into public.audit_log (actor, action, changes)
    values ('system:sequencer', 'audit.cluster_changed', jsonb_build_object('systemIdentifier', jsonb_build_array(state.system_identifier::text, cluster::text)));
    update public.audit_sequencer
    set system_identifier = cluster, xid = pg_snapshot_xmin(pg_current_snapshot()), sequence = 0, intake_created_at = '-infinity',
      intake_id = uuid_nil
    returning * into state;
  end if;
  is_intake := state.intake_created_at is not null;

  with batch as materialized (
    (
      select id, created_at, acting_id, subject_id, actor, action, resource_type, resource_id, changes, ip_address, user_agent, request_id,
        xid, sequence, true as is_due, row_number() over (order by xid, sequence) as position
      from public.audit_log
      where not is_intake and (xid, sequence) > (state.xid, state.sequence) and xid < pg_snapshot_xmin(pg_current_snapshot())
      order by xid, sequence limit 5000
    )
    union all
    (
      -- Of the rows of this cluster those since the intake began have their place in the order. Ids that it has not reached
      -- are of another one.
      select id, created_at, acting_id, subject_id, actor, action, resource_type, resource_id, changes, ip_address, user_agent, request_id,
        xid, sequence, xid is null or xid < state.xid or xid >= pg_snapshot_xmax(pg_current_snapshot()), row_number() over (order by created_at, id)
      from public.audit_log
      where is_intake and (created_at, id) > (state.intake_created_at, state.intake_id)
      order by created_at, id limit 5000
    )
  ), due as (
    select state.size - 1 + row_number() over (order by position) as index, batch.*, sha256(seed || int8send(position)) as salts
    from batch
    where is_due and (
      (not is_intake and xid > state.foreign_xid)
      or not exists (select from public.audit_leaves as leaf where leaf.id = batch.id and leaf.created_at = batch.created_at)
    )
  ), leaves as (
    insert into public.audit_leaves (index, id, created_at, changes_salt, client_salt, hash)
    select due.index, due.id, due.created_at, changes_salt, client_salt, sha256('\x00'::bytea || convert_to(row_to_json(entry)::text, 'UTF8'))
    from due
    cross join lateral (
      select case when changes is not null then substring(salts for 16) end as changes_salt,
        case when ip_address is not null or user_agent is not null then substring(salts from 17) end as client_salt
    ) as salt
    cross join lateral (select ip_address, user_agent) as client
    cross join lateral (
      select acting_id, action, actor,
        encode(sha256(changes_salt || convert_to(changes::text, 'UTF8')), 'hex') as changes,
        encode(sha256(client_salt || convert_to(row_to_json(client)::text, 'UTF8')), 'hex') as client,
        to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
        id, request_id, resource_id, resource_type, subject_id, '1' as version
    ) as entry
    returning index
  ), last as (
    select * from batch order by position desc limit 1
  ), counts as (
    select (select count(*) from leaves) as taken, (select count(*) from batch) as looked_at
  ), moved as (
    update public.audit_sequencer
    set size = size + taken, moved_at = clock_timestamp(),
      xid = case when is_intake then audit_sequencer.xid else last.xid end,
      sequence = case when is_intake then audit_sequencer.sequence else last.sequence end,
      intake_created_at = case when is_intake and counts.looked_at = 5000 then last.created_at end,
      intake_id = case when is_intake and counts.looked_at = 5000 then last.id end,
      foreign_xid = case when is_intake then (select greatest(foreign_xid, max(batch.xid)) from batch where is_due) else foreign_xid end
    from counts left join last on true
    where is_intake or last.xid is not null
  )
  select counts.looked_at into looked_at from counts;
  return looked_at;
end;
$$;
--> statement-breakpoint

-- The size of the log, since when the first row waits for its index, and the transaction that holds the sequencer back, if one
-- does: the oldest of all databases that writes, or that is prepared. Its age is unknown (null) to a role without
-- pg_read_all_stats.
create function audit_log_order() returns table (size bigint, waiting_since timestamptz, moved_at timestamptz, held_by jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
-- The first row of an index, whatever the statistics say. The cost of what is off would be reason enough to compile.
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
  select state.size, first.created_at, state.moved_at, case when first.created_at is not null then (
    select holder from (
      select jsonb_build_object('kind', 'session', 'pid', pid, 'role', usename, 'database', datname, 'since', xact_start) as holder
      from pg_stat_activity where backend_xid = pg_snapshot_xmin(pg_current_snapshot())::xid
      union all
      select jsonb_build_object('kind', 'prepared', 'gid', gid, 'role', owner, 'database', database, 'since', prepared)
      from pg_prepared_xacts where transaction = pg_snapshot_xmin(pg_current_snapshot())::xid
    ) as holders limit 1
  ) end
  from (
    select coalesce(max(sequencer.size), 0), coalesce(max(sequencer.xid::text), '0')::xid8, coalesce(max(sequencer.sequence), 0), max(sequencer.moved_at)
    from public.audit_sequencer as sequencer
  ) as state (size, xid, sequence, moved_at)
  left join lateral (
    select created_at from public.audit_log where (xid, sequence) > (state.xid, state.sequence) order by xid, sequence limit 1
  ) as first on true
$$;
--> statement-breakpoint

-- Rows that have waited for their index for a minute, while no other got one, and why.
create function audit_order_problems() returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
  select format('rows of audit_log wait for their place in its order since %s: ', date_trunc('second', waiting_since)) || case
    when held_by is null then 'no service gives them one'
    when held_by ->> 'kind' = 'prepared' then format('transaction %L of role %s in database %s is prepared; commit it or roll it back', held_by ->> 'gid', held_by ->> 'role', held_by ->> 'database')
    else format('the transaction of pid %s (role %s, database %s) is open%s; end it', held_by ->> 'pid', held_by ->> 'role', held_by ->> 'database', ' since ' || (held_by ->> 'since'))
  end
  from public.audit_log_order()
  where waiting_since < now() - interval '1 minute' and coalesce(moved_at, '-infinity') < now() - interval '1 minute'
$$;
--> statement-breakpoint

comment on table audit_leaves is 'The log of audit_log: one leaf for each row, with an index without gaps.';
--> statement-breakpoint
comment on table audit_sequencer is 'How far the rows of audit_log have their indexes. One row.';
--> statement-breakpoint
comment on column audit_log.xid is 'The transaction that wrote the row.';
--> statement-breakpoint
comment on column audit_log.sequence is 'The order of the rows of one transaction.';
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls.
revoke execute on function create_audit_leaves_partitions(), sequence_audit_log(), audit_log_order(), audit_order_problems() from public;
