import type { ReservedSql, Sql } from "postgres";
import { codeOf } from "../../database/index.ts";
import { type LockSnapshot, readLockSnapshot } from "../introspection/lock-snapshot.ts";
import type { RelationStates } from "../introspection/relation-states.ts";
import type { Statement } from "../journal/script.ts";
import { notInTransaction } from "../runner/execute.ts";
import { effectsBetween, type StatementEffects } from "./statement-effects.ts";
import { dropWriteTriggers, enableWriteTriggers, installWriteTriggers, takeRecordedWrites } from "./write-triggers.ts";

export type {
  DroppedObject as Drop,
  StatementEffects as Effects,
  TableLock,
  TableWrite as Write,
} from "./statement-effects.ts";

/** A statement of a measured migration failed; `cause` is the driver's error. */
export class MeasurementError extends Error {
  constructor(
    /** Index of the statement; the number of statements when the commit failed. */
    readonly index: number,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "FailedStatementError";
  }
}

/**
 * Runs a migration on a scratch database and returns what each statement did to the tables that existed before.
 * With `transaction`, all statements run in one transaction, which is committed. Without, each statement runs in its
 * own transaction, or in none if PostgreSQL requires that.
 *
 * No other session may use the database, and `track_counts` must be on. The tables may be empty, but then the scan
 * of a referenced table does not show; one row in each table is enough.
 *
 * @throws {MeasurementError} when a statement fails or ends the transaction. Its transaction is rolled back. After a
 *   lost connection the write triggers remain in the database, which must not be used again.
 */
export async function measureEffects(
  sql: Sql,
  statements: readonly Pick<Statement, "text">[],
  options: { transaction: boolean },
): Promise<StatementEffects[]> {
  const connection = await sql.reserve();
  try {
    await installWriteTriggers(connection);
    const start = await readLockSnapshot(connection);
    const run = options.transaction ? runTogether : runOneByOne;
    const effects = await run(connection, statements, start);
    await dropWriteTriggers(connection);
    return effects;
  } catch (error) {
    // Without a connection the cleanup fails as well; the first error is reported.
    await connection.unsafe("rollback").catch(() => {});
    await dropWriteTriggers(connection).catch(() => {});
    throw error;
  } finally {
    connection.release();
  }
}

async function runTogether(
  sql: ReservedSql,
  statements: readonly Pick<Statement, "text">[],
  start: LockSnapshot,
): Promise<StatementEffects[]> {
  const effects: StatementEffects[] = [];
  let previous = start;
  await begin(sql);
  for (const [index, { text }] of statements.entries()) {
    await attempt(index, () => sql.unsafe(text));
    await attempt(index, () => checkTransaction(sql));
    const seen = await look(sql, start.tables, previous);
    effects.push({ ...seen.effects, outsideTransaction: false });
    previous = seen.current;
    await enableWriteTriggers(sql);
  }
  await attempt(statements.length, () => sql.unsafe("commit"));
  return effects;
}

async function runOneByOne(
  sql: ReservedSql,
  statements: readonly Pick<Statement, "text">[],
  start: LockSnapshot,
): Promise<StatementEffects[]> {
  const effects: StatementEffects[] = [];
  for (const [index, { text }] of statements.entries()) {
    const previous = await readLockSnapshot(sql);
    const outsideTransaction = await attempt(index, () => runInside(sql, text));
    const seen = await look(sql, start.tables, previous);
    effects.push({ ...seen.effects, outsideTransaction });
    await enableWriteTriggers(sql);
    await attempt(index, () => sql.unsafe("commit"));
  }
  return effects;
}

/** Runs a statement and leaves a transaction open. @returns whether the statement had to run outside of it */
async function runInside(sql: ReservedSql, text: string): Promise<boolean> {
  await begin(sql);
  try {
    await sql.unsafe(text);
    return false;
  } catch (error) {
    if (!notInTransaction.has(codeOf(error) ?? "")) throw error;
    await sql.unsafe("rollback");
    await sql.unsafe(text);
    await begin(sql);
    return true;
  }
}

async function look(sql: ReservedSql, before: RelationStates, previous: LockSnapshot) {
  const current = await readLockSnapshot(sql);
  const writes = await takeRecordedWrites(sql);
  return { current, effects: effectsBetween(before, { previous, current, writes }) };
}

/** Runs no query, which would prevent the first statement from setting the isolation level. */
async function begin(sql: ReservedSql): Promise<void> {
  await sql.unsafe("begin; set local measured.transaction = 'open'");
}

async function checkTransaction(sql: ReservedSql): Promise<void> {
  const [row] = await sql<{ state: string | null }[]>`
    select current_setting('measured.transaction', true) as state`.simple();
  if (row?.state !== "open") throw new Error("It ends the transaction that the whole migration runs in.");
}

async function attempt<T>(index: number, work: () => PromiseLike<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new MeasurementError(index, error);
  }
}
