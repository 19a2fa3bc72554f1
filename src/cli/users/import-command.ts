import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import {
  createMapping,
  type Format,
  formatOf,
  type ImportOptions,
  type ImportReport,
  importUsers,
  type PresetName,
  presetOf,
  readFirebaseHash,
} from "../../accounts/index.ts";
import { systemActor } from "../../database/index.ts";
import { withDatabase } from "../database.ts";
import { fail, UsageError } from "../failure.ts";
import { withInterrupt } from "../interrupt.ts";
import { printJson } from "../json.ts";
import { createProgress, type Progress } from "./progress.ts";

interface Flags {
  readonly file: string;
  readonly format?: Format;
  readonly atomic?: boolean;
  readonly restart?: boolean;
  readonly json?: boolean;
  readonly allowReservedNames?: boolean;
  readonly from?: PresetName;
  readonly firebaseHashConfig?: string;
  readonly map?: Readonly<Record<string, string>>;
}

/** `aeturnis-data users import`: 0 all are imported, 1 some were refused, 2 it could not be done. */
export async function usersImport({
  file,
  json = false,
  map,
  from,
  firebaseHashConfig,
  ...flags
}: Flags): Promise<void> {
  try {
    const format = flags.format ?? formatOf(file);
    if (format === undefined) throw new UsageError("--format must say what it is: csv, jsonl or json");
    const size = await sizeOf(file);
    const progress = createProgress({ size, json });
    const firebaseHash = firebaseHashConfig && readFirebaseHash(await readFile(firebaseHashConfig, "utf8"));
    const preset = from && presetOf(from, firebaseHash ? { firebaseHash } : {});
    const mapping = createMapping({ columns: map, preset });
    const options = {
      ...flags,
      format,
      mapping,
      by: systemActor(`import:${operator()}`),
      onProgress: progress.onProgress,
    };
    const report = await withInterrupt((signal) =>
      withDatabase((opened) => importUsers({ ...opened, ...options, signal, from: source(file, size, progress) }), {
        signal,
      }),
    ).finally(progress.wipe);
    if (json) printJson(report);
    else progress.end(report, text(report, file));
    process.exitCode ??= report.refused > 0 ? 1 : 0;
  } catch (error) {
    const stopped = process.exitCode;
    await fail(error);
    process.exitCode = stopped ?? 2;
  }
}

/** Bytes of a file; undefined for what is a stream. */
async function sizeOf(file: string): Promise<number | undefined> {
  if (file === "-") return undefined;
  const found = await stat(file);
  if (found.isDirectory()) throw new UsageError(`${file} is a folder: name a file in it`);
  return found.isFile() ? found.size : undefined;
}

function source(file: string, size: number | undefined, { refusals }: Progress): ImportOptions["from"] {
  if (size !== undefined) return { file };
  return { input: file === "-" ? process.stdin : createReadStream(file), refusals };
}

/** Who imports, as the audit trail has it. */
function operator(): string {
  try {
    return userInfo()
      .username.replace(/[^\w.-]/g, "_")
      .slice(0, 60);
  } catch {
    // A user without a name, as in some containers.
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}

const number = (count: number) => count.toLocaleString("en");

function text(report: ImportReport, file: string): string {
  const { outcome, rows, imported, refused, resumedBehind, refusedFile, leftOut } = report;
  const counts = `${number(imported)} of ${number(rows)} imported, ${number(refused)} refused`;
  const details = refusedFile === null ? "" : `: see ${refusedFile}`;
  if (outcome === "repeated")
    return `${file} was imported before: ${counts}${details}. Nothing was done; --restart begins anew.`;
  if (outcome === "undone")
    return `Nothing was imported, because ${number(refused)} of ${number(rows)} rows were refused${details}.`;
  const resumed = resumedBehind > 0 ? ` (${number(resumedBehind)} rows of it before)` : "";
  const stopped = outcome === "stopped" ? " The same command goes on behind them." : "";
  const names = Object.entries(leftOut).map(([name, count]) => `${name} ${number(count)}`);
  const rest = names.length === 0 ? "" : `\nLeft out, because users have no such field: ${names.join(", ")}.`;
  return `${counts}${resumed}${details}.${stopped}${rest}`;
}
