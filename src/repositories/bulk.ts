import { toDomainError } from "../database/errors.ts";
import { type Executor, inTransaction } from "../database/transaction.ts";
import { Conflict, type DomainError, Invalid, NotFound } from "../errors.ts";
import type { Rows } from "./base.ts";
import type { BulkReport, Refusal } from "./rows.ts";

export interface BulkOptions {
  /** All rows or none (the default); false writes those that can be written. */
  readonly atomic?: boolean | undefined;
}

export interface Numbered<Row> {
  readonly index: number;
  readonly row: Row;
}

/** How one kind of rows is written. */
export interface Work<Row> {
  /** Looks a row over before it goes to the database. */
  readonly check?: (row: Row) => { readonly row: Row } | { readonly refused: Omit<Refusal, "index"> };
  /** Writes a batch in one statement. @returns those that it left out, and why */
  readonly run: (tx: Executor, batch: readonly Numbered<Row>[]) => Promise<Refusal[]>;
}

/** Rows that go in one statement: more would not be faster, and hold more memory and locks. */
const batchSize = 1_000;

/** Rolls a transaction back that was going to be all or nothing. */
class Undone extends Error {}

/**
 * Writes any number of rows, a batch at a time: memory does not grow with their number. Without `atomic` each batch
 * is committed as it is written. A race that is lost is run again, unless the rows came from a stream, which runs once.
 */
export async function runBulk<Row>(
  db: Executor,
  rows: Rows<Row>,
  { atomic = true }: BulkOptions,
  work: Work<Row>,
): Promise<BulkReport> {
  let refused: Refusal[] = [];
  let written = 0;
  const writeAll = async (executor: Executor) => {
    refused = [];
    written = 0;
    for await (const batch of batches(rows, work, refused)) {
      const found = await write(executor, batch, work);
      refused.push(...found);
      written += batch.length - found.length;
    }
    if (atomic && refused.length > 0) throw new Undone();
  };

  if (!atomic) await writeAll(db);
  else {
    // Inside the caller's transaction this is a savepoint, so that only these rows are undone.
    const run = Array.isArray(rows) ? apart(db, writeAll) : db.transaction(writeAll);
    await run.catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error;
      written = 0;
    });
  }
  return { written, refused: refused.sort((a, b) => a.index - b.index) };
}

async function* batches<Row>(
  rows: Rows<Row>,
  { check }: Work<Row>,
  refused: Refusal[],
): AsyncGenerator<Numbered<Row>[]> {
  let batch: Numbered<Row>[] = [];
  let index = 0;
  for await (const row of rows) {
    const checked = check?.(row) ?? { row };
    if ("refused" in checked) refused.push({ index, ...checked.refused });
    else batch.push({ index, row: checked.row });
    index++;
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** In a transaction of its own, run again when it loses a race, or in a savepoint of the caller's. */
const apart = <T>(db: Executor, work: (tx: Executor) => Promise<T>): Promise<T> =>
  inTransaction(db, (tx) => tx.transaction(work));

/** Writes a batch; when a row of it breaks a rule of the database, halves it until that row is found. */
async function write<Row>(db: Executor, batch: readonly Numbered<Row>[], work: Work<Row>): Promise<Refusal[]> {
  try {
    return await apart(db, (tx) => work.run(tx, batch));
  } catch (error) {
    const reason = toDomainError(error);
    const [first] = batch;
    if (first === undefined || !(reason instanceof Conflict || reason instanceof Invalid)) throw error;
    if (batch.length === 1) return [refusal(first.index, reason)];
    const middle = batch.length >> 1;
    const left = await write(db, batch.slice(0, middle), work);
    return [...left, ...(await write(db, batch.slice(middle), work))];
  }
}

export function refusal(index: number, reason: DomainError): Refusal {
  const code = reason instanceof NotFound ? "NOT_FOUND" : reason instanceof Conflict ? "CONFLICT" : "BAD_REQUEST";
  return { index, code, field: reason.field ?? null, message: reason.message };
}
