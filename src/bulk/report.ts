/** Why one row of many was not written. */
export interface RejectedRow {
  /** Its place in the input, from 0. */
  index: number;
  code: "BAD_REQUEST" | "CONFLICT" | "NOT_FOUND" | "SERVICE_UNAVAILABLE";
  field: string | null;
  message: string;
}

/** What became of many rows. */
export interface BulkReport {
  /** Rows written; none when all were asked for and one was refused. */
  written: number;
  refused: RejectedRow[];
}

/** Rows in bulk: a list, or what comes from a file or a stream as it is wanted. */
export type RowSource<Given> = Iterable<Given> | AsyncIterable<Given>;
