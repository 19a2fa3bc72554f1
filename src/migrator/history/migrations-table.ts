import type { Sql, TransactionSql } from "postgres";
import { codeOf, sqlstate } from "../../database/index.ts";
import { MigrationError } from "../errors.ts";
import type { Migration } from "../journal/folder.ts";

/** Where drizzle-kit keeps its records (its configuration's `migrations`). */
export interface MigrationsTable {
  readonly schema: string;
  readonly table: string;
}

export const defaultMigrationsTable: MigrationsTable = { schema: "drizzle", table: "__drizzle_migrations" };

/** One migration that was applied, by whomever. */
export interface HistoryRecord {
  readonly id: number;
  readonly when: number;
  readonly hash: string;
  /** Undefined: applied by drizzle-kit before anything kept the time. */
  readonly appliedAt: Date | undefined;
  /** How long it took (ms). */
  readonly duration: number | undefined;
}

type Connection = Sql | TransactionSql;

/** Quoted names of the records' parts. */
export function quotedNames({ schema, table }: MigrationsTable) {
  const name = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const inSchema = (text: string) => `${name(schema)}.${name(text)}`;
  return {
    schema: name(schema),
    table: inSchema(table),
    once: name(`${table}_once`),
    runs: inSchema(`${table}_runs`),
    record: inSchema(`${table}_record`),
    trigger: name(`${table}_record`),
  };
}

/**
 * What we add to drizzle-kit's table. The first migration of this project holds the same statements, so
 * that they are there whoever comes first; in other folders the first `up` adds them.
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

/** A text for a statement that has no parameters: one round trip, where one with parameters takes two. */
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Whether the books are as `ensureMigrationsTable` would leave them. */
export async function hasMigrationsTable(sql: Connection, migrationsTable: MigrationsTable): Promise<boolean> {
  const [found] = await sql.unsafe(`
    select 1 from pg_trigger
    where tgrelid = to_regclass(${literal(quotedNames(migrationsTable).table)}) and tgname = ${literal(`${migrationsTable.table}_record`)}`);
  return found !== undefined;
}

/** "Already exists": another migrator created the object at the same time. */
const alreadyExists = new Set<string>([sqlstate.duplicateSchema, sqlstate.duplicateTable, sqlstate.duplicateObject]);

/** drizzle-kit was just making its table, too: PostgreSQL's IF NOT EXISTS does not wait for others. */
export class ConcurrentSetupError extends Error {}

/**
 * Makes drizzle-kit's table as drizzle-kit would, and what we add to it, where they are missing.
 *
 * @throws {ConcurrentSetupError} when somebody else did at the same moment
 */
export async function ensureMigrationsTable(tx: TransactionSql, migrationsTable: MigrationsTable): Promise<void> {
  if (await hasMigrationsTable(tx, migrationsTable)) return;
  const { schema, table } = quotedNames(migrationsTable);
  try {
    await tx.unsafe(`
      create schema if not exists ${schema};
      create table if not exists ${table} (id serial primary key, hash text not null, created_at bigint);
      ${recorderSql(migrationsTable)}`);
  } catch (error) {
    const inCatalog = error instanceof Error && "schema_name" in error && error.schema_name === "pg_catalog";
    if (inCatalog || alreadyExists.has(codeOf(error) ?? "")) throw new ConcurrentSetupError("raced", { cause: error });
    if (codeOf(error) === sqlstate.uniqueViolation) {
      throw new MigrationError(
        `${table} has a migration more than once: \`migrate repair\` removes what is too much.`,
        { cause: error },
      );
    }
    throw error;
  }
}

export interface History {
  /** What is applied, in the order in which it was. */
  readonly applied: readonly HistoryRecord[];
  /** How many statements are done of what runs without a transaction and is not finished, by `when`. */
  readonly unfinished: ReadonlyMap<number, number>;
}

export async function readHistory(sql: Connection, migrationsTable: MigrationsTable): Promise<History> {
  const { table, runs } = quotedNames(migrationsTable);
  // A service's role may read no more than what is applied.
  const [there] = await sql.unsafe(`
    select to_regclass(${literal(table)}) is not null as records,
      has_table_privilege(to_regclass(${literal(runs)}), 'select') as runs`);
  if (there?.["records"] !== true) return { applied: [], unfinished: new Map() };
  const rows = await sql.unsafe(
    there["runs"] === true
      ? `
    select id, created_at, hash, applied_at, coalesce(cardinality(statements), 0) as done,
      -- Of one whose down has begun nobody knows any more.
      case when started_at <= applied_at then extract(epoch from applied_at - started_at) * 1000 end as duration
    from ${table} as record full join ${runs} as run using (created_at)
    where id is not null or cardinality(statements) > 0
    order by id`
      : `select id, created_at, hash, 0 as done from ${table} order by id`,
  );
  const applied = rows
    .filter((row) => row["id"] !== null)
    .map((row) => ({
      id: Number(row["id"]),
      when: Number(row["created_at"]),
      hash: String(row["hash"]),
      appliedAt: row["applied_at"] ? new Date(row["applied_at"]) : undefined,
      duration: row["duration"] ? Math.round(Number(row["duration"])) : undefined,
    }));
  const unfinished = rows
    .filter((row) => row["done"] > 0)
    .map((row) => [Number(row["created_at"]), row["done"]] as const);
  return { applied, unfinished: new Map(unfinished) };
}

/** What is applied, in the order in which it was. */
export async function readApplied(
  sql: Connection,
  migrationsTable: MigrationsTable,
): Promise<readonly HistoryRecord[]> {
  return (await readHistory(sql, migrationsTable)).applied;
}

/** The transaction in which a line is written: the one that took the lock, or the line is not written. */
export interface InTransaction {
  /** When the work began, by the server's clock. */
  readonly started: string;
  /** When the transaction did (s since 1970). */
  readonly transaction: string;
}

/** @returns false when the migration has ended the transaction */
export async function recordApplied(
  tx: TransactionSql,
  { hash, when }: Pick<Migration, "hash" | "when">,
  { migrationsTable, started, transaction }: { migrationsTable: MigrationsTable } & InTransaction,
): Promise<boolean> {
  const { count } = await tx.unsafe(`
    insert into ${quotedNames(migrationsTable).table} (hash, created_at)
    select ${literal(hash)}, ${Number(when)} from set_config('migrations.started_at', ${literal(started)}, true)
    where ${isStill(transaction)}`);
  return count > 0;
}

const isStill = (transaction: string) => `extract(epoch from now()) = ${Number(transaction)}`;

/** Records a migration as there, without anybody knowing since when. */
export async function recordBaseline(
  tx: TransactionSql,
  migration: Pick<Migration, "hash" | "when">,
  migrationsTable: MigrationsTable,
): Promise<void> {
  const { table, runs } = quotedNames(migrationsTable);
  await tx.unsafe(`insert into ${table} (hash, created_at) values ($1, $2)`, [migration.hash, migration.when]);
  await tx.unsafe(`delete from ${runs} where created_at = $1`, [migration.when]);
}

/** @returns false when the migration has ended the transaction */
export async function removeRecord(
  tx: TransactionSql,
  when: number,
  { migrationsTable, transaction }: { migrationsTable: MigrationsTable } & Pick<InTransaction, "transaction">,
): Promise<boolean> {
  const { count } = await tx.unsafe(
    `delete from ${quotedNames(migrationsTable).table} where created_at = ${Number(when)} and ${isStill(transaction)}`,
  );
  return count > 0;
}
