import { exportUsers } from "../../transfer/export.ts";
import { type Format, formatOf } from "../../transfer/format.ts";
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
  const to = file === "-" ? { output: process.stdout } : { file };
  const screen = process.stderr.isTTY ? createScreen(process.stderr) : undefined;
  const onProgress = ({ rows }: { rows: number }) => screen?.pass(`${rows.toLocaleString("en")} users`);
  const { rows } = await withInterrupt((signal) =>
    withDatabase(({ db }) => exportUsers({ ...flags, db, to, format, signal, onProgress }), { signal }),
  ).finally(() => screen?.wipe());
  // To standard error: standard output may be the export.
  console.error(`${rows.toLocaleString("en")} users exported.`);
}
