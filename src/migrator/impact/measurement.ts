import type { ReservedSql, Sql } from "postgres";
import { codeOf } from "../../database/index.ts";
import { type LockSnapshot, type RelationStates, readLockSnapshot } from "../introspection/lock-snapshot.ts";
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

/** A statement of a migration failed; `cause` is the driver's error. */
export class MeasurementError extends Error {
  constructor(
    /** Which one, from 0; the number of statements when it was the commit. */
    readonly index: number,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "FailedStatementError";
  }
}

/**
 * Runs a migration on a scratch database, and tells what each of its statements did to the tables
 * that were there before. With `transaction` all run in one, which is committed, so that the next
 * migration can be measured after it; without, each runs in one of its own, or in none if it must.
 *
 * The database belongs to this call alone, and `track_counts` is on, as it is by default. Its tables
 * may be empty: all is told as it would be with rows, but for scans of a table that rows of another
 * are looked up in, such as the one that a foreign key refers to. One row in each shows these, too.
 *
 * @throws {MeasurementError} when a statement fails or ends the transaction; what ran in its transaction is undone.
 *   After a lost connection the database is of no more use: the triggers that watch it are still there.
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
    // The first error is the one to tell; without a connection these fail, too.
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

/** Leaves a transaction open after a statement that could run in one, and answers whether it could not. */
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

/** No query comes before the first statement, which may set the isolation level. */
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
