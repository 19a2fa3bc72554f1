import { type MigrationsTable, quotedNames } from "./table-names.ts";

/**
 * The SQL that the migrator adds to drizzle-kit's table: a unique index on the migration's time, a table of run times,
 * and the trigger that fills it. The first migration of this project contains the same statements, so that they also
 * exist when drizzle-kit applies it. For other folders the first `migrate up` adds them.
 */
export function recorderSql(migrationsTable: MigrationsTable): string {
  const { table, once, runs, record, trigger } = quotedNames(migrationsTable);
  return `
-- Two migrators that race wait here for each other, and not half-way through their changes.
lock table ${table} in share row exclusive mode;
--> statement-breakpoint

-- Without it two that began at the same time could both apply a migration that can be repeated without an
-- error, such as a change of rows. The slower one fails on this, whole. (The table has a line a migration.)
-- squawk-ignore require-concurrent-index-creation
create unique index if not exists ${once} on ${table} (created_at);
--> statement-breakpoint

create table if not exists ${runs} (
  created_at bigint primary key,
  started_at timestamptz,
  applied_at timestamptz,
  -- Of a migration that does not run in a transaction: hashes of its statements that are done.
  statements text[] not null default '{}'
);
--> statement-breakpoint

create or replace function ${record}() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A migration begins where the one before it in the same transaction ended, or with the transaction.
  started timestamptz := coalesce(nullif(current_setting('migrations.started_at', true), '')::timestamptz, now());
begin
  if tg_op = 'INSERT' then
    insert into ${runs} as run (created_at, started_at, applied_at)
    values (new.created_at, started, clock_timestamp())
    on conflict (created_at) do update
      set started_at = case when run.applied_at is null then run.started_at else excluded.started_at end,
        applied_at = excluded.applied_at, statements = '{}';
    perform set_config('migrations.started_at', clock_timestamp()::text, true);
  elsif tg_op = 'UPDATE' then
    update ${runs} set created_at = new.created_at where created_at = old.created_at;
  else
    delete from ${runs} where created_at = old.created_at;
  end if;
  return null;
end;
$$;
--> statement-breakpoint

-- Without it nobody could say when a migration was applied and how long it took: drizzle-kit's own table
-- has no time.
create or replace trigger ${trigger}
  after insert or update or delete on ${table}
  for each row
  execute function ${record}();
--> statement-breakpoint
`;
}
