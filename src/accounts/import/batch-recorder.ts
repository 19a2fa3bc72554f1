import type { BatchReport } from "../../bulk/index.ts";
import type { Executor } from "../../database/index.ts";
import type { ImportCheckpoint, ImportCheckpoints } from "./checkpoint.ts";
import type { LineTracker } from "./line-tracker.ts";
import type { RejectedRowWriter } from "./rejected-rows.ts";

export interface BatchRecorderOptions {
  /** The checkpoint at which this attempt starts. */
  readonly start: ImportCheckpoint;
  readonly checkpoints: ImportCheckpoints;
  readonly lines: LineTracker;
  readonly rejectedRows: RejectedRowWriter;
}

/** Records each batch in its transaction: its rejected rows and the checkpoint after it. */
export function createBatchRecorder({ start, checkpoints, lines, rejectedRows }: BatchRecorderOptions) {
  /** The checkpoint before the current batch. */
  let previous = start;
  let latest = start;
  return {
    latest: (): ImportCheckpoint => latest,
    record: async (tx: Executor, { end, written, refused }: BatchReport): Promise<ImportCheckpoint> => {
      const rows = start.rows + end;
      // A batch that is retried starts from the same checkpoint as before.
      if (rows > latest.rows) {
        lines.discardBefore(latest.rows - start.rows);
        previous = latest;
      }
      await checkpoints.lock(tx, previous);
      const rejected = refused.map(({ index, ...reason }) => ({ line: lines.lineOf(index), ...reason }));
      latest = {
        rows,
        imported: previous.imported + written,
        refused: previous.refused + refused.length,
        refusedBytes: await rejectedRows.write(rejected, previous.refusedBytes),
        ended: false,
      };
      await checkpoints.write(tx, latest);
      return latest;
    },
  };
}
