import { fstatSync, statSync } from "node:fs";
import { exportUsers, type FileFormat, formatOf } from "../../accounts/index.ts";
import { withDatabase } from "../database.ts";
import { withInterrupt } from "../interrupt.ts";
import { createStatusLine } from "../status-line.ts";

interface ExportFlags {
  readonly file: string;
  readonly format?: FileFormat;
  readonly withPasswordHashes?: boolean;
  readonly withDeleted?: boolean;
}

/** `aeturnis-data users export` */
export async function usersExport({ file, ...flags }: ExportFlags): Promise<void> {
  const format = flags.format ?? formatOf(file) ?? "csv";
  const to = file === "-" || isStandardOutput(file) ? { output: process.stdout } : { file };
  const status = process.stderr.isTTY ? createStatusLine(process.stderr) : undefined;
  const onProgress = ({ rows }: { rows: number }) => status?.show(`${rows.toLocaleString("en")} users`);
  const { rows } = await withInterrupt((signal) =>
    withDatabase(({ db }) => exportUsers({ ...flags, db, to, format, signal, onProgress }), { signal }),
  ).finally(() => status?.clear());
  // Standard output may be the export.
  console.error(`${rows.toLocaleString("en")} users exported.`);
}

/** Whether a path such as /dev/stdout is standard output, which a socket does not let open and which must not be replaced. */
function isStandardOutput(file: string): boolean {
  try {
    const [named, standardOutput] = [statSync(file), fstatSync(1)];
    return named.dev === standardOutput.dev && named.ino === standardOutput.ino;
  } catch {
    // The export reports what is wrong with the file.
    return false;
  }
}
