import { fstatSync, statSync } from "node:fs";
import { exportUsers, type Format, formatOf } from "../../accounts/index.ts";
import { withDatabase } from "../database.ts";
import { withInterrupt } from "../interrupt.ts";
import { createScreen } from "../screen.ts";

interface Flags {
  readonly file: string;
  readonly format?: Format;
  readonly withPasswordHashes?: boolean;
  readonly withDeleted?: boolean;
}

/** `aeturnis-data users export` */
export async function usersExport({ file, ...flags }: Flags): Promise<void> {
  const format = flags.format ?? formatOf(file) ?? "csv";
  const to = file === "-" || isStandardOutput(file) ? { output: process.stdout } : { file };
  const screen = process.stderr.isTTY ? createScreen(process.stderr) : undefined;
  const onProgress = ({ rows }: { rows: number }) => screen?.pass(`${rows.toLocaleString("en")} users`);
  const { rows } = await withInterrupt((signal) =>
    withDatabase(({ db }) => exportUsers({ ...flags, db, to, format, signal, onProgress }), { signal }),
  ).finally(() => screen?.wipe());
  // To standard error: standard output may be the export.
  console.error(`${rows.toLocaleString("en")} users exported.`);
}

/** Such as /dev/stdout, which cannot be opened where it is a socket, and must not be replaced where it is a file. */
function isStandardOutput(file: string): boolean {
  try {
    const [named, own] = [statSync(file), fstatSync(1)];
    return named.dev === own.dev && named.ino === own.ino;
  } catch {
    // Whatever is wrong with the file, the export says it.
    return false;
  }
}
