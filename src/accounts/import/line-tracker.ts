import { ImportExportError } from "../errors.ts";
import type { ParsedRow } from "../fields/field-values.ts";

/** Rows on their way to the database, with the line of each row that is not yet decided. */
export interface LineTracker {
  rows(): AsyncGenerator<ParsedRow>;
  /** Whether all rows were read. */
  isComplete(): boolean;
  /** First line of a row. @param index counts from 0, without skipped rows */
  lineOf(index: number): number;
  /** Frees the lines of the rows before this index. */
  discardBefore(index: number): void;
}

/**
 * @param options.skip rows that an earlier attempt imported or rejected
 * @param options.signal ends the rows early
 * @param options.atomic makes an early end an error
 */
export function createLineTracker(
  source: AsyncIterable<ParsedRow>,
  { skip, signal, atomic }: { skip: number; signal?: AbortSignal | undefined; atomic: boolean },
): LineTracker {
  let lines: number[] = [];
  /** Index of the first of `lines`. */
  let offset = 0;
  let complete = false;

  async function* rows(): AsyncGenerator<ParsedRow> {
    let index = -skip;
    for await (const row of source) {
      if (index++ < 0) continue;
      lines.push(row.line);
      yield row;
    }
    // An aborted source ends without an error.
    complete = !signal?.aborted;
    if (atomic && !complete) throw new ImportExportError("Stopped: nothing was imported.");
  }

  return {
    rows,
    isComplete: () => complete,
    lineOf: (index) => lines[index - offset] ?? 0,
    discardBefore: (index) => {
      lines = lines.slice(index - offset);
      offset = index;
    },
  };
}
