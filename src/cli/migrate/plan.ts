import {
  type Plan,
  type PlannedLock,
  type PlannedMigration,
  type PlannedStatement,
  plan,
} from "../../migrator/index.ts";
import { printJson } from "../json.ts";
import { printError } from "./fail.ts";
import { type CommonFlags, scratchServer, withSession } from "./session.ts";

/** `aeturnis-data migrate plan` */
export async function migratePlan(
  flags: CommonFlags & { to?: string; steps?: number; scratch?: string },
): Promise<void> {
  await withSession(flags, async (options) => {
    const scratch = scratchServer(options.target, flags.scratch);
    const found = await plan({ ...options, to: flags.to, steps: flags.steps, scratch });
    if (flags.json) printJson(found);
    else console.log(text(found));
    if (found.error === undefined) return;
    printError(found.error);
    process.exitCode ||= 1;
  });
}

function text({ migrations }: Plan): string {
  if (migrations.length === 0) return "Nothing to do: every migration is applied.";
  return migrations.flatMap(migrationLines).join("\n");
}

function migrationLines({ tag, transaction, statements, warnings, empty }: PlannedMigration): string[] {
  const how = transaction
    ? "one transaction: every lock is held until it ends"
    : "no transaction: each statement is committed separately";
  return [
    `${tag} (${how})`,
    "",
    ...statements.flatMap(statementLines),
    ...warnings.map((warning) => `  WARNING: ${warning}`),
    ...empty.map(({ table, reason }) => `  measured without rows in ${table}: ${reason}`),
    ...(warnings.length + empty.length > 0 ? [""] : []),
  ];
}

function statementLines({ text, file, line, locks, rewrites, scans, outsideTransaction }: PlannedStatement): string[] {
  const reads = (scans ?? []).filter((table) => !rewrites?.includes(table));
  return [
    `  -- ${file}:${line}`,
    ...`${text};`.split("\n").map((row) => `  ${row}`),
    ...(outsideTransaction ? ["    runs outside a transaction; does not block reads or writes"] : []),
    ...(locks ?? []).map((lock) => `    locks ${describe(lock)}`),
    ...(rewrites ?? []).map((table) => `    rewrites ${table}`),
    ...reads.map((table) => `    scans all of ${table}`),
    "",
  ];
}

function describe({ table, mode, partitions, rows, bytes, effect }: PlannedLock): string {
  const words = mode
    .replace(/Lock$/, "")
    .replace(/\B[A-Z]/g, " $&")
    .toUpperCase();
  const size =
    rows === undefined
      ? "does not exist yet"
      : `${Math.round(rows).toLocaleString("en")} rows, ${megabytes(bytes ?? 0)}`;
  const parts = partitions === undefined ? "" : ` and ${partitions} of its partitions`;
  return `${table}${parts} (${size}) ${words}: ${effect}`;
}

const megabytes = (bytes: number) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(0)} MB`);
