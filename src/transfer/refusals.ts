import { constants } from "node:fs";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import type { Refusal } from "../repositories/rows.ts";

/** A row that was not imported: where it begins in its file, and why. Never what it holds. */
export interface RefusedRow {
  readonly line: number;
  readonly code: Refusal["code"];
  readonly field: string | null;
  readonly message: string;
}

/** Where refused rows go. */
export interface Refusals {
  /** Puts rows at a place, over what may be there of an attempt before. @returns the place behind them */
  put(rows: readonly RefusedRow[], at: number): Promise<number>;
  close(): Promise<void>;
}

/** JSON lines in a file, which is there only if a row was refused. @param options.length what is to be kept of it */
export async function openRefusals(path: string, options: { length: number }): Promise<Refusals> {
  let handle: FileHandle | undefined;
  if (options.length === 0) await rm(path, { force: true });
  else {
    handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    // Shorter, when somebody cut it off: no hole is made of what is missing.
    await handle.truncate(Math.min(options.length, (await stat(path)).size));
  }
  return {
    put: async (rows, at) => {
      if (rows.length === 0) return at;
      handle ??= await open(path, "w+", 0o600);
      const text = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
      const from = Math.min(at, (await handle.stat()).size);
      await handle.truncate(from);
      await handle.write(text, 0, text.length, from);
      return from + text.length;
    },
    close: async () => handle?.close(),
  };
}
