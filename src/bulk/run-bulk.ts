import { is } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import { type Executor, inTransaction, toDomainError } from "../database/index.ts";
import { UnavailableError } from "../errors.ts";
import { batchesOf, type RowSource } from "./batches.ts";
import { prefetch } from "./prefetch.ts";
import { type BatchReport, type BulkReport, unavailableRow } from "./report.ts";
import { type BulkOperation, runSeparately, type WriteRows, writeBatch, writeSeparately } from "./write-batch.ts";

export interface BulkOptions {
  /** Whether one refused row refuses all. Default: true. */
  readonly atomic?: boolean | undefined;
  /**
   * Called in the transaction of each batch, before its commit: what it writes on `tx` is committed with the rows. It
   * is called again if the transaction is retried. Refused rows are passed to it and left out of the final report, so
   * that memory does not grow with their number.
   */
  readonly onBatch?: OnBatch | undefined;
}

type OnBatch = (tx: Executor, batch: BatchReport) => Promise<void>;

/**
 * Writes any number of rows in batches. The next batch is read and checked while the database writes the current one.
 * Memory does not grow with the number of rows. A transaction that loses a race is retried, except for an atomic write
 * of a stream, which can be read once only.
 */
export function runBulk<Given, Row>(
  db: Executor,
  rows: RowSource<Given>,
  { atomic = true, onBatch }: BulkOptions,
  operation: BulkOperation<Given, Row>,
): Promise<BulkReport> {
  if (atomic) return writeAtomically(db, rows, operation, onBatch);
  if (onBatch !== undefined) return writeWithCallback(db, rows, operation, onBatch);
  if (Array.isArray(rows) && !is(db, PgTransaction)) return writeThroughOutage(db, rows, operation);
  return writeIndependently(db, rows, operation).then(({ written, refused }) => ({ written, refused }));
}

/** Rolls back an atomic write of which a row was refused. */
class RollbackSignal extends Error {}

/** All rows in one transaction; in a transaction, in one savepoint. */
async function writeAtomically<Given, Row>(
  db: Executor,
  rows: RowSource<Given>,
  operation: BulkOperation<Given, Row>,
  onBatch: OnBatch | undefined,
): Promise<BulkReport> {
  const { check, ...writing } = { ...operation, write: writeSeparately(operation) };
  let report: BulkReport = { written: 0, refused: [] };
  const writeAll = async (tx: Executor) => {
    report = { written: 0, refused: [] };
    let isComplete = true;
    for await (const batch of prefetch(batchesOf(rows, check))) {
      const { end, written, refused } = await writeBatch(tx, batch, writing);
      await onBatch?.(tx, { end, written, refused });
      report.written += written;
      if (onBatch === undefined) report.refused.push(...refused);
      isComplete &&= refused.length === 0;
    }
    if (!isComplete) throw new RollbackSignal();
  };
  try {
    await (Array.isArray(rows) ? runSeparately(db, writeAll) : db.transaction(writeAll));
    return report;
  } catch (error) {
    if (!(error instanceof RollbackSignal)) throw error;
    return { ...report, written: 0 };
  }
}

/** Each batch and its callback in one transaction. */
async function writeWithCallback<Given, Row>(
  db: Executor,
  rows: RowSource<Given>,
  operation: BulkOperation<Given, Row>,
  onBatch: OnBatch,
): Promise<BulkReport> {
  const { check, ...writing } = { ...operation, write: writeSeparately(operation) };
  let written = 0;
  for await (const batch of prefetch(batchesOf(rows, check))) {
    const report = await inTransaction(db, async (tx) => {
      const report = await writeBatch(tx, batch, writing);
      await onBatch(tx, report);
      return report;
    });
    written += report.written;
  }
  return { written, refused: [] };
}

interface IndependentOptions<Row> {
  readonly write?: WriteRows<Row>;
  /** Whether to leave out the batches after the current one. */
  readonly isStopped?: () => boolean;
}

/** Each statement's rows in a transaction of their own. */
async function writeIndependently<Given, Row>(
  db: Executor,
  rows: RowSource<Given>,
  operation: BulkOperation<Given, Row>,
  { write = writeSeparately(operation), isStopped = () => false }: IndependentOptions<Row> = {},
): Promise<BulkReport & { end: number }> {
  const { check, ...writing } = { ...operation, write };
  const total = { written: 0, refused: [] as BulkReport["refused"], end: 0 };
  for await (const batch of prefetch(batchesOf(rows, check))) {
    const report = await writeBatch(db, batch, writing);
    total.written += report.written;
    total.refused.push(...report.refused);
    total.end = report.end;
    if (isStopped()) break;
  }
  return total;
}

/**
 * The same, with a report that is complete even if the database stops answering: rows that are committed are reported
 * as written, and all others as refused, so that the caller can send those again.
 *
 * @throws {UnavailableError} if no row is written
 */
async function writeThroughOutage<Given, Row>(
  db: Executor,
  rows: readonly Given[],
  operation: BulkOperation<Given, Row>,
): Promise<BulkReport> {
  let outage: unknown;
  const writeOwn = writeSeparately(operation);
  const write: WriteRows<Row> = async (executor, batch) => {
    try {
      if (outage === undefined) return await writeOwn(executor, batch);
    } catch (error) {
      if (!(toDomainError(error) instanceof UnavailableError)) throw error;
      outage = error;
    }
    return batch.map(({ index }) => unavailableRow(index));
  };
  const { written, refused, end } = await writeIndependently(db, rows, operation, {
    write,
    isStopped: () => outage !== undefined,
  });
  if (outage !== undefined && written === 0) throw outage;
  const unread = outage === undefined ? [] : rows.slice(end).map((_, offset) => unavailableRow(end + offset));
  return { written, refused: [...refused, ...unread] };
}
