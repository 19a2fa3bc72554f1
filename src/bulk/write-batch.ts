import { is } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import { type Executor, inTransaction, toDomainError } from "../database/index.ts";
import { ConflictError, type DomainError, InvalidInputError } from "../errors.ts";
import type { Batch, Check, NumberedRow } from "./batches.ts";
import { type BatchReport, type RejectedRow, rejectedRow } from "./report.ts";

/** How the rows of a bulk write are checked and written. */
export interface BulkOperation<Given, Row> {
  readonly check: Check<Given, Row>;
  /** Writes rows in one statement. @returns the rows that it does not write, and why */
  readonly write: WriteRows<Row>;
  /** The same at less cost for rows of which none conflicts with another. Else it throws, and `write` takes its place. */
  readonly writeWithoutConflict?: (db: Executor, rows: readonly NumberedRow<Row>[]) => Promise<void>;
  /**
   * Separates rows whose unique values conflict with each other or with other rows. @returns undefined if it finds no
   * conflict
   */
  readonly separateConflicts?: (
    db: Executor,
    rows: readonly NumberedRow<Row>[],
  ) => Promise<SeparatedRows<Row> | undefined>;
}

export type WriteRows<Row> = (db: Executor, rows: readonly NumberedRow<Row>[]) => Promise<RejectedRow[]>;

/** Groups of rows that can each be written by one statement, in this order, and the rows that cannot be written. */
export interface SeparatedRows<Row> {
  readonly refused: readonly RejectedRow[];
  readonly groups: readonly (readonly NumberedRow<Row>[])[];
}

/** Runs `work` in a transaction of its own, which is retried after a lost race; in a transaction, in a savepoint. */
export const runSeparately = <T>(db: Executor, work: (tx: Executor) => Promise<T>): Promise<T> =>
  is(db, PgTransaction) ? db.transaction(work) : inTransaction(db, work);

/** Returns a function that writes each statement's rows in a transaction or savepoint of their own. */
export function writeSeparately<Row>({
  write,
  writeWithoutConflict,
}: Pick<BulkOperation<never, Row>, "write" | "writeWithoutConflict">): WriteRows<Row> {
  // A file that was imported before has conflicts in each batch. Trying in vain takes half of the time again.
  let isConflictLikely = false;
  return async (db, rows) => {
    if (writeWithoutConflict !== undefined && !isConflictLikely)
      try {
        await runSeparately(db, (tx) => writeWithoutConflict(tx, rows));
        return [];
      } catch (error) {
        if (!(toDomainError(error) instanceof ConflictError)) throw error;
      }
    const rejected = await runSeparately(db, (tx) => write(tx, rows));
    isConflictLikely = rejected.length > 0;
    return rejected;
  };
}

/** Writes a batch. The report has the rows that its check refused, too. */
export async function writeBatch<Row>(
  db: Executor,
  batch: Batch<Row>,
  operation: Pick<BulkOperation<never, Row>, "write" | "separateConflicts">,
): Promise<BatchReport> {
  const rejected = await writeValidRows(db, batch.rows, operation);
  const refused = [...batch.refused, ...rejected].sort((a, b) => a.index - b.index);
  return { end: batch.end, written: batch.rows.length - rejected.length, refused };
}

/** Writes rows. If they violate a constraint, writes smaller groups of them until each row at fault is found. */
async function writeValidRows<Row>(
  db: Executor,
  rows: readonly NumberedRow<Row>[],
  { write, separateConflicts }: Pick<BulkOperation<never, Row>, "write" | "separateConflicts">,
): Promise<RejectedRow[]> {
  const [first] = rows;
  if (first === undefined) return [];
  let reason: DomainError;
  try {
    return await write(db, rows);
  } catch (error) {
    const domainError = toDomainError(error);
    if (!(domainError instanceof ConflictError || domainError instanceof InvalidInputError)) throw error;
    reason = domainError;
  }

  const separate = reason instanceof ConflictError ? separateConflicts : undefined;
  // The query itself fails on an id that is not a UUID. Halving finds that row.
  const separated = separate && (await runSeparately(db, (tx) => separate(tx, rows)).catch(() => undefined));
  if (separated === undefined && rows.length === 1) return [rejectedRow(first.index, reason)];

  const { refused, groups } = separated ?? halves(rows);
  // Rows without a visible conflict, such as a cycle of exchanged names, have none in their halves either.
  const isExhausted = separate !== undefined && separated === undefined;
  const next = isExhausted || separateConflicts === undefined ? { write } : { write, separateConflicts };
  const rejected = [...refused];
  for (const group of groups) rejected.push(...(await writeValidRows(db, group, next)));
  return rejected;
}

function halves<Row>(rows: readonly NumberedRow<Row>[]): SeparatedRows<Row> {
  const middle = rows.length >> 1;
  return { refused: [], groups: [rows.slice(0, middle), rows.slice(middle)] };
}
