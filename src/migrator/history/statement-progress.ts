import { createHash } from "node:crypto";
import { MigrationError } from "../errors.ts";
import type { Statement } from "../journal/script.ts";
import { type HistoryConnection, type MigrationsTable, quotedNames } from "./table-names.ts";

/** Identifies the progress of one migration that runs without a transaction. */
export interface ProgressKey {
  readonly migrationsTable: MigrationsTable;
  /** The migration's time in the journal. */
  readonly when: number;
}

/** How far a migration that runs without a transaction is. */
export interface StatementProgress {
  /** The hash of each completed statement, in order. */
  readonly done: readonly string[];
  /** Whether an earlier run began the migration and did not finish it. */
  readonly begunBefore: boolean;
}

/** The hash by which a completed statement is recognized. */
export const hashOf = ({ text }: Pick<Statement, "text">) => createHash("sha256").update(text).digest("hex");

/** Returns the progress of a migration, and records that a run of it has begun. */
export async function startProgress(
  sql: HistoryConnection,
  { migrationsTable, when }: ProgressKey,
): Promise<StatementProgress> {
  const { runs } = quotedNames(migrationsTable);
  // An applied migration has a row before its down migration begins: then started_at is not later than applied_at.
  const [run] = await sql.unsafe(
    `select to_json(statements) as statements, applied_at is null or started_at > applied_at as begun
    from ${runs} where created_at = $1`,
    [when],
  );
  await sql.unsafe(
    `insert into ${runs} as run (created_at, started_at) values ($1, clock_timestamp())
    on conflict (created_at) do update set started_at = clock_timestamp()
    where run.applied_at is not null and (run.started_at > run.applied_at) is not true`,
    [when],
  );
  return { done: run?.["statements"] ?? [], begunBefore: run?.["begun"] === true };
}

/**
 * Records the statement at `index` as completed, in the statement's own transaction where it runs in one.
 *
 * @throws {MigrationError} when another migrator has completed the statement
 */
export async function recordStatement(
  connection: HistoryConnection,
  { migrationsTable, when }: ProgressKey,
  { index, statement }: { index: number; statement: Statement },
): Promise<void> {
  const { count } = await connection.unsafe(
    `update ${quotedNames(migrationsTable).runs} set statements = statements || $2::text
    where created_at = $1 and cardinality(statements) = $3`,
    [when, hashOf(statement), index],
  );
  if (count === 1) return;
  throw new MigrationError(
    "Another migrator has completed this statement: the session that held the migrator lock ended while it ran.",
  );
}
