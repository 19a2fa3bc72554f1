import { createReadStream, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import {
  createFieldMapping,
  type FileFormat,
  formatOf,
  type ImportOptions,
  importUsers,
  type PresetName,
  parseFirebaseHashParameters,
  presetOf,
  type RejectedRowWriter,
} from "../../accounts/index.ts";
import { withDatabase } from "../database.ts";
import { fail, UsageError, withNamedFile } from "../failure.ts";
import { withInterrupt } from "../interrupt.ts";
import { printJson } from "../json.ts";
import { operatorActor } from "../operator.ts";
import { createProgress } from "./progress.ts";
import { importSummary } from "./summary.ts";

interface ImportFlags {
  readonly file: string;
  readonly format?: FileFormat;
  readonly atomic?: boolean;
  readonly restart?: boolean;
  readonly json?: boolean;
  readonly allowReservedNames?: boolean;
  readonly from?: PresetName;
  readonly firebaseHashConfig?: string;
  readonly map?: Readonly<Record<string, string>>;
}

/** `aeturnis-data users import`. Exit code: 0 if all rows are imported, 1 if some were refused, 2 if the import failed. */
export async function usersImport(flags: ImportFlags): Promise<void> {
  try {
    await runImport(flags);
  } catch (error) {
    // Unless a signal has set one.
    process.exitCode ??= 2;
    await fail(error);
  }
}

async function runImport({ file, json = false, ...flags }: ImportFlags): Promise<void> {
  const format = flags.format ?? formatOf(file);
  if (format === undefined) throw new UsageError("--format is required: csv, jsonl or json");
  const size = await sizeOf(file);
  const progress = createProgress({ size, json });
  const options = {
    format,
    mapping: mappingOf(flags),
    atomic: flags.atomic,
    restart: flags.restart,
    allowReservedNames: flags.allowReservedNames,
    by: operatorActor("import"),
    onProgress: progress.onProgress,
  };
  const from = () => (size === undefined ? openStream(file, progress.rejectedRows) : { file });
  const report = await withInterrupt((signal) =>
    withDatabase((database) => importUsers({ ...database, ...options, signal, from: from() }), { signal }),
  ).finally(progress.clear);
  if (json) printJson(report);
  else progress.end(report, importSummary(report, file));
  process.exitCode ??= report.refused > 0 ? 1 : 0;
}

function mappingOf({ map, from, firebaseHashConfig }: Pick<ImportFlags, "map" | "from" | "firebaseHashConfig">) {
  const firebaseHash =
    firebaseHashConfig === undefined
      ? undefined
      : parseFirebaseHashParameters(
          withNamedFile("--firebase-hash-config", firebaseHashConfig, () => readFileSync(firebaseHashConfig, "utf8")),
        );
  return createFieldMapping({ columns: map, preset: from && presetOf(from, { firebaseHash }) });
}

/** Size of a file (bytes); undefined for a stream. */
async function sizeOf(file: string): Promise<number | undefined> {
  if (file === "-") return undefined;
  const stats = await stat(file);
  if (stats.isDirectory()) throw new UsageError(`${file} is a folder: name a file in it`);
  return stats.isFile() ? stats.size : undefined;
}

function openStream(file: string, rejectedRows: RejectedRowWriter): ImportOptions["from"] {
  return { input: file === "-" ? process.stdin : createReadStream(file), rejectedRows };
}
