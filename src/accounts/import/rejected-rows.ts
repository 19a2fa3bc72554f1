import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import type { RejectedRow } from "../../bulk/index.ts";

/** A row that was not imported: where it begins in its file, and why. Never what it holds. */
export interface RefusedRow {
  readonly line: number;
  readonly code: RejectedRow["code"];
  readonly field: string | null;
  readonly message: string;
}

/** Where refused rows go. */
export interface Refusals {
  /** Puts rows at a place, over what may be there of an attempt before. @returns the place behind them */
  put(rows: readonly RefusedRow[], at: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * JSON lines in a file, which is there only if a row was refused. It is not touched before rows are put, which only
 * who imports now does: another process may be writing it.
 */
export function openRefusals(path: string): Refusals {
  let handle: FileHandle | undefined;
  return {
    put: async (rows, at) => {
      if (handle === undefined && at === 0) {
        await rm(path, { force: true });
        if (rows.length === 0) return at;
      }
      handle ??= await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      const text = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
      // Shorter, when somebody cut it off: no hole is made of what is missing.
      const from = Math.min(at, (await handle.stat()).size);
      // What is behind was put by an attempt that was not committed.
      await handle.truncate(from);
      if (rows.length === 0) return at;
      for (let done = 0; done < text.length; )
        done += (await handle.write(text, done, text.length - done, from + done)).bytesWritten;
      // What the database is told next must not outlive it when the power fails.
      await handle.datasync();
      return from + text.length;
    },
    close: async () => handle?.close(),
  };
}
