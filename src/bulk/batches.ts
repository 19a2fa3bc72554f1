import { setImmediate as nextTurn } from "node:timers/promises";
import type { z } from "zod";
import type { RejectedRow } from "./report.ts";

/** Rows of a bulk write: a list, or an iterable that is read while rows are written. */
export type RowSource<Given> = Iterable<Given> | AsyncIterable<Given>;

export interface NumberedRow<Row> {
  readonly index: number;
  readonly row: Row;
}

/** Validates a row before it is sent to the database. @returns the row to write, or why it is refused */
export type Check<Given, Row> = (
  row: Given,
) => { readonly row: Row } | { readonly refused: Omit<RejectedRow, "index"> };

/** Accepts every row as it is. */
export const unchecked = <Row>(row: Row) => ({ row });

/** A check by a schema. Without one it accepts every row. */
export function checkedBy<Row>(schema: z.ZodType | undefined): Check<unknown, Row> {
  if (schema === undefined) return (row) => ({ row: row as Row });
  return (row) => {
    const parsed = schema.safeParse(row);
    if (parsed.success) return { row: parsed.data as Row };
    const [issue] = parsed.error.issues;
    const field = issue?.path.map(String).join(".") || null;
    return { refused: { code: "BAD_REQUEST", field, message: issue?.message ?? "is not valid" } };
  };
}

/** Rows of one statement. More are not faster, and take more memory and hold more locks. */
const batchSize = 1_000;

/** Rows that are checked in one turn of the event loop, so that the answers of the database are processed between. */
const rowsPerTurn = 5;

/** Checked rows that are written together, and those that the check refused. */
export interface Batch<Row> {
  readonly rows: readonly NumberedRow<Row>[];
  readonly refused: readonly RejectedRow[];
  /** Number of rows read so far. */
  readonly end: number;
}

/** Reads and checks rows, and groups them into batches. */
export async function* batchesOf<Given, Row>(
  source: RowSource<Given>,
  check: Check<Given, Row>,
): AsyncGenerator<Batch<Row>> {
  let rows: NumberedRow<Row>[] = [];
  let refused: RejectedRow[] = [];
  let end = 0;
  for await (const given of source) {
    const checked = check(given);
    if ("refused" in checked) refused.push({ index: end, ...checked.refused });
    else rows.push({ index: end, row: checked.row });
    end++;
    if (end % rowsPerTurn === 0) await nextTurn();
    if (rows.length + refused.length < batchSize) continue;
    yield { rows, refused, end };
    [rows, refused] = [[], []];
  }
  if (rows.length + refused.length > 0) yield { rows, refused, end };
}
