import { ImportExportError } from "../errors.ts";
import type { Line } from "./fields.ts";

/**
 * Rows on their way into the database, and on which line each one began, for as long as somebody may ask.
 *
 * @param options.skip rows that were dealt with before
 * @param options.signal ends them
 * @param options.whole all or none are wanted: an end before the end is an error
 */
export function createLines(
  source: AsyncIterable<Line>,
  { skip, signal, whole }: { skip: number; signal?: AbortSignal | undefined; whole: boolean },
) {
  let numbers: number[] = [];
  let forgotten = 0;
  let complete = false;

  async function* rows(): AsyncGenerator<Line> {
    let index = -skip;
    for await (const row of source) {
      if (index++ < 0) continue;
      numbers.push(row.line);
      yield row;
    }
    // Stopped, the source ends early.
    complete = !signal?.aborted;
    if (whole && !complete) throw new ImportExportError("Stopped: nothing was imported.");
  }

  return {
    rows,
    /** Whether the source was read to its end. */
    complete: () => complete,
    /** @param index a row's place, from 0, those that were skipped left out */
    at: (index: number): number => numbers[index - forgotten] ?? 0,
    /** Nobody will ask for rows before this one. */
    forget: (index: number): void => {
      numbers = numbers.slice(index - forgotten);
      forgotten = index;
    },
  };
}
