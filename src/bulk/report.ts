import type { DomainError } from "../errors.ts";
import { ConflictError, NotFoundError } from "../errors.ts";

/** Why one row was not written. */
export interface RejectedRow {
  /** Index of the row in the input, from 0. */
  index: number;
  code: "BAD_REQUEST" | "CONFLICT" | "NOT_FOUND" | "SERVICE_UNAVAILABLE";
  field: string | null;
  message: string;
}

/** The result of a bulk write. */
export interface BulkReport {
  /** Number of rows written; 0 if the write was atomic and a row was refused. */
  written: number;
  refused: RejectedRow[];
}

/** The result of one batch. */
export interface BatchReport {
  /** Number of rows decided so far, those of earlier batches included. */
  readonly end: number;
  readonly written: number;
  readonly refused: readonly RejectedRow[];
}

/** The rejection of a row for a domain error. */
export function rejectedRow(index: number, reason: DomainError): RejectedRow {
  const code =
    reason instanceof NotFoundError ? "NOT_FOUND" : reason instanceof ConflictError ? "CONFLICT" : "BAD_REQUEST";
  return { index, code, field: reason.field ?? null, message: reason.message };
}

/** The rejection of a row that an outage of the database leaves unwritten. */
export const unavailableRow = (index: number): RejectedRow => ({
  index,
  code: "SERVICE_UNAVAILABLE",
  field: null,
  message: "The database could not answer: this row is most likely not written. Send it again.",
});
