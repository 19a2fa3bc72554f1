import { StatementError } from "./errors.ts";
import { fillTables } from "./rows.ts";
import type { Run } from "./step.ts";

/** The columns of every table that rows are put into, by "schema.table"; not those of the books. */
export type Columns = ReadonlyMap<string, readonly string[]>;

/** A table without made-up rows, and why. */
export interface Empty {
  readonly table: string;
  readonly reason: string;
}

/**
 * What goes without made-up rows, because a migration would not take them: it may be meant for rows that are
 * otherwise, such as those that a service has cleaned before.
 */
export interface Aside {
  /** "schema.table", and why. */
  readonly tables: ReadonlyMap<string, string>;
  /** No table has any, and why. */
  readonly all?: string;
}

export const nothingAside: Aside = { tables: new Map() };

/** After so many tables, one by one, all at once. */
const patience = 3;

/**
 * What to go without at the next attempt, on a new database, at a migration that has failed; undefined: it was
 * not for the rows. At first, where a constraint was broken, only for rows that older tables had been given.
 */
export function setAside(aside: Aside | undefined, error: unknown): Aside | undefined {
  if (!(error instanceof StatementError) || !/^(21|22|23|P0)/.test(error.sqlstate ?? "")) return undefined;
  if (aside?.all !== undefined) return undefined;
  const reason = error.message.split("\n")[0] ?? "";
  if (aside === undefined && /^23(503|514)$/.test(error.sqlstate ?? "")) return nothingAside;
  const { tables } = aside ?? nothingAside;
  const table = tableOf(error.cause);
  if (table === undefined || tables.has(table) || tables.size === patience) return { tables, all: reason };
  return { tables: new Map([...tables, [table, reason]]) };
}

function tableOf(cause: unknown): string | undefined {
  const { schema_name: schema, table_name: table } = cause as { schema_name?: string; table_name?: string };
  return schema === undefined || table === undefined ? undefined : `${schema}.${table}`;
}

/** What went without, as a reader is told. */
export function emptied({ tables, all }: Aside): Empty[] {
  const told = (table: string, reason: string) => ({
    table,
    reason: `its up does not take made-up ones (${reason}): write some that it takes into an earlier migration's .rows.sql`,
  });
  return all === undefined ? [...tables].map(([table, reason]) => told(table, reason)) : [told("any table", all)];
}

/** Those that rows have not been asked for. */
export const without = (columns: Columns, { tables, all }: Aside): Columns =>
  new Map(all === undefined ? [...columns].filter(([table]) => !tables.has(table)) : []);

/** Rows in every table whose columns are others than they were: of those that could be, the rest took none. */
export async function fillChanged(
  { connections, bookkeeping }: Run,
  { now, before, aside = nothingAside }: { now: Columns; before: Columns; aside?: Aside | undefined },
): Promise<Empty[]> {
  const changed = [...without(now, aside)].filter(([table, names]) => String(before.get(table)) !== String(names));
  if (changed.length === 0) return [];
  return (await fillTables(connections.sql, { bookkeeping, only: new Set(changed.map(([table]) => table)) })).empty;
}

export async function readColumns({ connections, bookkeeping }: Run): Promise<Columns> {
  const { sql } = connections;
  const ours = [bookkeeping.table, `${bookkeeping.table}_runs`];
  const rows = await sql`
    select nspname || '.' || relname as table, json_agg(attname order by attnum) as columns
    from pg_class c join pg_namespace n on n.oid = relnamespace join pg_attribute on attrelid = c.oid
    where relkind in ('r', 'p') and not relispartition and attnum > 0 and not attisdropped
    and nspname !~ '^pg_' and nspname <> 'information_schema'
    and not (nspname = ${bookkeeping.schema} and relname in ${sql(ours)})
    group by 1`;
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}
