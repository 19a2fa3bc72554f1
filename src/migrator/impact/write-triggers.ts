import type { Sql } from "postgres";
import { isUserSchema } from "../introspection/sql-fragments.ts";

/** A statement that writes to a table, even when no row matches. */
export interface RowWrite {
  readonly oid: string;
  readonly kind: "insert" | "update" | "delete" | "truncate";
}

/**
 * Creates a statement trigger on every table that records writes. Statement triggers fire for empty tables too,
 * and for statements in functions and DO blocks. Counters do not change on an empty table, and a lock does not show
 * the command.
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
        where relkind in ('r', 'p') and ${isUserSchema}
      loop
        execute format('create trigger measured_writes before insert or update or delete or truncate on %s
          for each statement execute function measured_writes.note()', t);
      end loop;
    end;
    $$`);
  await enableWriteTriggers(sql);
}

/**
 * Enables the triggers again after a statement such as DISABLE TRIGGER ALL. This takes no lock that disabling them
 * did not take.
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

/** Returns the writes since the last call. */
export async function takeRecordedWrites(sql: Sql): Promise<RowWrite[]> {
  const [row] = await sql<{ noted: string }[]>`
    select coalesce(current_setting('measured.writes', true), '') as noted, set_config('measured.writes', '', false)`.simple();
  const noted = new Set(row?.noted.split(" ").filter((note) => note !== ""));
  return [...noted].map((note) => {
    const [oid, kind] = note.split(":");
    return { oid, kind } as RowWrite;
  });
}

/** Removes what was created by {@link installWriteTriggers}. */
export async function dropWriteTriggers(sql: Sql): Promise<void> {
  // The migration may have set a role without the privilege to drop the schema. The statements of one query string
  // are one transaction, so that SET LOCAL applies.
  await sql.unsafe(`
    set local role none;
    set local client_min_messages = warning;
    drop schema measured_writes cascade`);
}
