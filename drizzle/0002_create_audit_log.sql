-- The audit trail, partitioned by month. Partitions live in a schema of their own, so that tools
-- show the table and not its forty parts.

-- Whoever waits for a table makes everybody wait who comes later: so not for long.
set local lock_timeout = '2s';
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
  created_at timestamptz not null default current_timestamp,
  actor varchar(100) not null default ('db:' || current_user),
  request_id varchar(64),
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

-- Partitions. Makes those of this month and of the `months_ahead` after it that are missing, and
-- returns their names: calling it again, or from two places at once, does nothing more. It runs with
-- its owner's rights, so that a service that does not own the tables can be granted it.
create function create_audit_log_partitions(months_ahead integer default 3) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Months of UTC, whatever the session's time zone: bounds that moved with it would overlap.
  this_month constant timestamp := date_trunc('month', now() at time zone 'UTC');
  first_day timestamp;
  partition_name text;
begin
  if months_ahead is null or months_ahead not between 0 and 120 then
    raise exception 'months_ahead must be between 0 and 120, not %', coalesce(months_ahead::text, 'null')
      using errcode = 'invalid_parameter_value';
  end if;

  perform pg_advisory_xact_lock(hashtextextended('create_audit_log_partitions', 0));

  for ahead in 0 .. months_ahead loop
    first_day := this_month + make_interval(months => ahead);
    partition_name := 'audit_log_' || to_char(first_day, 'YYYY_MM');
    continue when to_regclass(format('partitions.%I', partition_name)) is not null;

    -- Made apart and then attached: CREATE TABLE … PARTITION OF would lock out every reader and writer
    -- of the trail (PostgreSQL manual, ALTER TABLE, ATTACH PARTITION). Either way `users`, which the
    -- trail refers to, is locked against writers until the commit: call it with a short lock_timeout.
    execute format('create table partitions.%I (like public.audit_log including defaults including constraints)', partition_name);
    execute format(
      'alter table public.audit_log attach partition partitions.%I for values from (%L) to (%L)',
      partition_name,
      to_char(first_day, 'YYYY-MM-DD') || ' 00:00:00+00',
      to_char(first_day + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
    );
    return next partition_name;
  end loop;
end;
$$;
--> statement-breakpoint

revoke execute on function create_audit_log_partitions(integer) from public;
--> statement-breakpoint

select create_audit_log_partitions();
--> statement-breakpoint

comment on table audit_log is 'Who changed what, when and from where. Partitioned by month; the trail outlives the account.';
--> statement-breakpoint
comment on column audit_log.actor is 'user:<uuid>, service:<name>, system:<job>, or db:<role> for a change made past the service.';
--> statement-breakpoint
comment on schema partitions is 'The months of audit_log. Query audit_log itself.';
