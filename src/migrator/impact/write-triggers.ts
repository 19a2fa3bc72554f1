import type { Sql } from "postgres";

/** A statement that writes a table's rows, by whatever way; it may have found none. */
export interface RowWrite {
  readonly oid: string;
  readonly kind: "insert" | "update" | "delete" | "truncate";
}

/**
 * Puts a trigger on every table that notes who writes it. Counters and locks would not do: on an
 * empty table nothing is counted, and a lock does not say what it is for. A statement's trigger
 * fires all the same, also for what a function or a DO block does.
 */
export async function installWriteTriggers(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create schema measured_writes;
    create function measured_writes.note() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
    begin
      perform set_config('measured.writes', concat(current_setting('measured.writes', true), ' ', tg_relid, ':', lower(tg_op)), false);
      return null;
    end;
    $$;
    do $$
    declare
      t regclass;
    begin
      for t in
        select c.oid from pg_class c join pg_namespace n on n.oid = relnamespace
        where relkind in ('r', 'p') and nspname <> 'information_schema' and nspname !~ '^pg_'
      loop
        execute format('create trigger measured_writes before insert or update or delete or truncate on %s
          for each statement execute function measured_writes.note()', t);
      end loop;
    end;
    $$`);
  await enableWriteTriggers(sql);
}

/**
 * Turns triggers on again that a statement has turned off, as a backfill may do with all of a
 * table's. It takes no lock that turning them off did not take.
 */
export async function enableWriteTriggers(sql: Sql): Promise<void> {
  await sql.unsafe(`
    do $$
    declare
      t regclass;
    begin
      for t in select tgrelid from pg_trigger where tgname = 'measured_writes' and tgenabled <> 'A' loop
        execute format('alter table %s enable always trigger measured_writes', t);
      end loop;
    end;
    $$`);
}

/** What has been written since the last call. */
export async function takeRecordedWrites(sql: Sql): Promise<RowWrite[]> {
  const [row] = await sql<{ noted: string }[]>`
    select coalesce(current_setting('measured.writes', true), '') as noted, set_config('measured.writes', '', false)`.simple();
  const noted = new Set(row?.noted.split(" ").filter((note) => note !== ""));
  return [...noted].map((note) => {
    const [oid, kind] = note.split(":");
    return { oid, kind } as RowWrite;
  });
}

/** Leaves the database as it was before {@link installWriteTriggers}. */
export async function dropWriteTriggers(sql: Sql): Promise<void> {
  // The migration may have left the connection in a role that may not do this. Several statements sent at once
  // are one transaction.
  await sql.unsafe(`
    set local role none;
    set local client_min_messages = warning;
    drop schema measured_writes cascade`);
}
