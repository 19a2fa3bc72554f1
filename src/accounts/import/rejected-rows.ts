import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import type { RejectedRow } from "../../bulk/index.ts";
import type { RowIssue } from "../fields/field-values.ts";

/** A row of the file that is not imported: its first line and the reason. It never contains the row's values. */
export interface RejectedLine extends RowIssue {
  readonly line: number;
  readonly code: RejectedRow["code"];
}

/** Destination of rejected rows. */
export interface RejectedRowWriter {
  /**
   * Writes rows at an offset (bytes), and removes what an earlier attempt wrote from there on.
   *
   * @returns the offset after them
   */
  write(rows: readonly RejectedLine[], offset: number): Promise<number>;
  close(): Promise<void>;
}

/** Path of the file of rejected rows. An atomic import has its own, so that it does not overwrite one that can be resumed. */
export const rejectedRowsPath = (file: string, { atomic }: { atomic: boolean }): string =>
  `${file}${atomic ? ".atomic" : ""}.refused.jsonl`;

/**
 * Writes rejected rows as JSON lines. The file exists only if a row was rejected. It is opened by the first `write`,
 * which only the process that holds the checkpoint's lock calls: another process may be writing the file before.
 */
export function createRejectedRowsFile(path: string): RejectedRowWriter {
  let handle: FileHandle | undefined;
  return {
    write: async (rows, offset) => {
      if (handle === undefined && offset === 0) {
        await rm(path, { force: true });
        if (rows.length === 0) return offset;
      }
      handle ??= await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      // A file that was truncated meanwhile continues at its end, without a hole of zero bytes.
      const start = Math.min(offset, (await handle.stat()).size);
      // The rest belongs to an attempt that was not committed.
      await handle.truncate(start);
      if (rows.length === 0) return offset;
      const text = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
      for (let done = 0; done < text.length; )
        done += (await handle.write(text, done, text.length - done, start + done)).bytesWritten;
      // Reaches the disk before the transaction that counts these rows is committed.
      await handle.datasync();
      return start + text.length;
    },
    close: async () => handle?.close(),
  };
}
