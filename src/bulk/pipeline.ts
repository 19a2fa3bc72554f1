import { setImmediate as turn } from "node:timers/promises";
import { is } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import type { z } from "zod";
import { type Executor, inTransaction, toDomainError } from "../database/index.ts";
import { ConflictError, type DomainError, InvalidInputError, NotFoundError, UnavailableError } from "../errors.ts";
import { ahead } from "./prefetch.ts";
import type { BulkReport, RejectedRow, RowSource } from "./report.ts";

export interface BulkOptions {
  /** All rows or none (the default); false writes those that can be written. */
  readonly atomic?: boolean | undefined;
  /**
   * Hears of each batch in its transaction, just before the commit: what it writes on `tx` is committed with the
   * rows. A batch that lost a race is run again, and heard of again. Refusals go here and not into the report, so
   * that memory does not grow with them.
   */
  readonly onBatch?: ((tx: Executor, batch: BatchReport) => Promise<void>) | undefined;
}

/** What became of one batch. */
export interface BatchReport {
  /** How many rows are decided, those of the batches before included. */
  readonly end: number;
  readonly written: number;
  readonly refused: readonly RejectedRow[];
}

export interface Numbered<Row> {
  readonly index: number;
  readonly row: Row;
}

/** Looks a row over before it goes to the database, and gives it as it is to be written. */
export type Check<Given, Row> = (
  row: Given,
) => { readonly row: Row } | { readonly refused: Omit<RejectedRow, "index"> };

/** How one kind of rows is written. */
export interface Work<Given, Row> {
  readonly check: Check<Given, Row>;
  /** Writes a batch in one statement. @returns those that it left out, and why */
  readonly run: (tx: Executor, batch: readonly Numbered<Row>[]) => Promise<RejectedRow[]>;
  /** Takes a batch apart in which rows collide; undefined where it sees no collision. */
  readonly untangle?: (db: Executor, batch: readonly Numbered<Row>[]) => Promise<Untangled<Row> | undefined>;
}

/** Rows that collide with what is there, and the others in lots that do not collide within. */
export interface Untangled<Row> {
  readonly refused: readonly RejectedRow[];
  readonly lots: readonly (readonly Numbered<Row>[])[];
}

/** For rows that need no look. */
export const unchecked = <Row>(row: Row) => ({ row });

/** A row must be what the rule says; without one, anything. */
export function checkedBy<Row>(rule: z.ZodType | undefined): Check<unknown, Row> {
  return (row) => {
    const parsed = rule?.safeParse(row) ?? { success: true, data: row };
    if (parsed.success) return { row: parsed.data as Row };
    const [issue] = parsed.error.issues;
    const field = issue?.path.map(String).join(".") || null;
    return { refused: { code: "BAD_REQUEST", field, message: issue?.message ?? "is not valid" } };
  };
}

/** Rows that go in one statement: more would not be faster, and hold more memory and locks. */
const batchSize = 1_000;

/** Rows that are prepared in one turn of the event loop: between turns the database's answers are heard. */
const turnSize = 20;

/** Rolls a transaction back that was going to be all or nothing. */
class RollbackSignal extends Error {}

/**
 * Writes any number of rows, a batch at a time: memory does not grow with their number. Without `atomic` each batch
 * is committed as it is written. The next batch is read and checked while the database is at work on one. A race that
 * is lost is run again, unless the rows come from a stream, which runs once.
 */
export async function runBulk<Given, Row>(
  db: Executor,
  rows: RowSource<Given>,
  { atomic = true, onBatch }: BulkOptions,
  work: Work<Given, Row>,
): Promise<BulkReport> {
  let refused: RejectedRow[] = [];
  let written = 0;
  let whole = true;
  // What is committed must be told, also when the database leaves: the rest is refused, so that it can be sent again.
  const telling = !atomic && onBatch === undefined && Array.isArray(rows) && !is(db, PgTransaction);
  let away: unknown;

  const attempt: Work<Given, Row>["run"] = async (executor, batch) => {
    try {
      if (away === undefined) return await apart(executor, (tx) => work.run(tx, batch));
    } catch (error) {
      if (!telling || !(toDomainError(error) instanceof UnavailableError)) throw error;
      away = error;
    }
    return batch.map(({ index }) => ({ ...unavailable, index }));
  };
  const writeBatch = async (executor: Executor, batch: Batch<Row>): Promise<BatchReport> => {
    const found = await write(executor, batch.rows, { ...work, run: attempt });
    const all = [...batch.refused, ...found].sort((a, b) => a.index - b.index);
    const report = { end: batch.end, written: batch.rows.length - found.length, refused: all };
    await onBatch?.(executor, report);
    return report;
  };
  const writeAll = async (executor: Executor) => {
    refused = [];
    written = 0;
    whole = true;
    const together = !atomic && onBatch !== undefined;
    for await (const batch of ahead(batches(rows, work.check))) {
      const report = await (together
        ? inTransaction(executor, (tx) => writeBatch(tx, batch))
        : writeBatch(executor, batch));
      written += report.written;
      whole &&= report.refused.length === 0;
      if (onBatch === undefined) refused.push(...report.refused);
      if (away === undefined) continue;
      if (written === 0) throw away;
      refused.push(...(rows as Given[]).slice(report.end).map((_, at) => ({ ...unavailable, index: report.end + at })));
      break;
    }
    if (atomic && !whole) throw new RollbackSignal();
  };

  if (!atomic) await writeAll(db);
  else {
    // Inside the caller's transaction this is a savepoint, so that only these rows are undone.
    const run = Array.isArray(rows) ? apart(db, writeAll) : db.transaction(writeAll);
    await run.catch((error: unknown) => {
      if (!(error instanceof RollbackSignal)) throw error;
      written = 0;
    });
  }
  return { written, refused };
}

const unavailable = {
  code: "SERVICE_UNAVAILABLE",
  field: null,
  message: "The database could not answer: this row is most likely not written. Send it again.",
} as const;

interface Batch<Row> {
  readonly rows: Numbered<Row>[];
  readonly refused: RejectedRow[];
  readonly end: number;
}

async function* batches<Given, Row>(given: RowSource<Given>, check: Check<Given, Row>): AsyncGenerator<Batch<Row>> {
  let rows: Numbered<Row>[] = [];
  let refused: RejectedRow[] = [];
  let index = 0;
  for await (const row of given) {
    const checked = check(row);
    if ("refused" in checked) refused.push({ index, ...checked.refused });
    else rows.push({ index, row: checked.row });
    index++;
    if (index % turnSize === 0) await turn();
    if (rows.length + refused.length < batchSize) continue;
    yield { rows, refused, end: index };
    [rows, refused] = [[], []];
  }
  if (rows.length + refused.length > 0) yield { rows, refused, end: index };
}

/** In a transaction of its own, run again when it loses a race, or in a savepoint of the caller's. */
const apart = <T>(db: Executor, work: (tx: Executor) => Promise<T>): Promise<T> =>
  is(db, PgTransaction) ? db.transaction(work) : inTransaction(db, work);

/** Writes a batch; when rows of it break a rule of the database, takes it apart until those are found. */
async function write<Row>(
  db: Executor,
  batch: readonly Numbered<Row>[],
  work: Pick<Work<never, Row>, "run" | "untangle">,
): Promise<RejectedRow[]> {
  const [first] = batch;
  if (first === undefined) return [];
  let reason: DomainError | undefined;
  try {
    return await work.run(db, batch);
  } catch (error) {
    reason = toDomainError(error);
    if (!(reason instanceof ConflictError || reason instanceof InvalidInputError)) throw error;
  }
  const untangle = reason instanceof ConflictError ? work.untangle : undefined;
  // Where it cannot even be asked, as by an id that is none, halves find that row.
  const untangled = untangle && (await apart(db, (tx) => untangle(tx, batch)).catch(() => undefined));
  if (untangled === undefined && batch.length === 1) return [refusal(first.index, reason)];
  const { refused, lots } = untangled ?? halves(batch);
  // Where no collision was seen, as in a ring of rows that each take the next one's name, none is in its halves.
  const rest = untangle !== undefined && untangled === undefined ? { run: work.run } : work;
  const found = [...refused];
  for (const lot of lots) found.push(...(await write(db, lot, rest)));
  return found;
}

function halves<Row>(batch: readonly Numbered<Row>[]): Untangled<Row> {
  const middle = batch.length >> 1;
  return { refused: [], lots: [batch.slice(0, middle), batch.slice(middle)] };
}

export function refusal(index: number, reason: DomainError): RejectedRow {
  const code =
    reason instanceof NotFoundError ? "NOT_FOUND" : reason instanceof ConflictError ? "CONFLICT" : "BAD_REQUEST";
  return { index, code, field: reason.field ?? null, message: reason.message };
}
