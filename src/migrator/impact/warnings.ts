import type { TableSizes } from "../introspection/table-sizes.ts";
import { blocksWriters, type LockMode, lockEffect } from "./lock-modes.ts";
import type { Effects } from "./measurement.ts";

/** Rows from which a scan takes long enough to delay other sessions noticeably. */
const minBigTableRows = 10_000;

/** Returns the risks of a migration, each with a remedy. */
export function warningsOf(statements: readonly Effects[], sizes: TableSizes): string[] {
  const rowsOf = (table: string) => sizes.get(table)?.rows ?? 0;
  const isBig = (table: string) => rowsOf(table) >= minBigTableRows;
  const isView = (table: string) => sizes.get(table)?.materialized === true;
  const held = new Map<string, LockMode>();
  return statements.flatMap((effects) => {
    const warnings: string[] = [];
    for (const { table, mode } of effects.locks) if (blocksWriters(mode)) held.set(table, mode);
    if (effects.outsideTransaction) held.clear();

    const long = [...new Set([...effects.rewrites, ...effects.scans])].filter(isBig);
    for (const table of long) {
      const mode = held.get(table);
      const work = effects.rewrites.includes(table) ? "is rewritten" : "is scanned";
      // EXCLUSIVE blocks only other writes, and only a refresh writes a materialized view.
      const isQuiet = isView(table) && mode === "ExclusiveLock";
      if (mode !== undefined && !isQuiet)
        warnings.push(
          `${name(table, sizes)} ${work}; meanwhile ${lockEffect(mode)}. ${remedy(effects, { table, mode, isView: isView(table) })}`,
        );
      // The lock of a view that is refreshed has a warning of its own.
      const isRefreshed = (other: string) => isView(other) && effects.locks.some(({ table }) => table === other);
      const others = [...held.keys()].filter((other) => other !== table && !isRefreshed(other));
      if (others.length > 0)
        warnings.push(
          `${others.join(", ")} stays locked while ${name(table, sizes)} ${work}. Split the statements into two migrations.`,
        );
    }
    for (const { kind, table, column } of effects.drops) {
      if (rowsOf(table) > 0 && !isView(table))
        warnings.push(
          `${kind} ${column === undefined ? table : `${table}.${column}`} is dropped with the data of ${count(rowsOf(table))} rows.`,
        );
    }
    for (const { kind, table } of effects.writes) {
      if (kind === "truncate") warnings.push(`${name(table, sizes)} is truncated.`);
      if (kind === "delete" && rowsOf(table) > 0) warnings.push(`${name(table, sizes)} may lose rows (delete).`);
      if ((kind === "update" || kind === "delete") && isBig(table))
        warnings.push(
          `${name(table, sizes)} may have all its rows changed (${kind}) in one transaction, which locks them until its end. Change them in batches.`,
        );
    }
    return warnings;
  });
}

function remedy(
  { rewrites, locks }: Effects,
  { table, mode, isView }: { table: string; mode: LockMode; isView: boolean },
): string {
  if (!locks.some((lock) => lock.table === table)) return "Split the statements into two migrations.";
  if (isView && rewrites.includes(table))
    return "Refresh it concurrently, which requires a unique index, preferably outside of migrations.";
  if (rewrites.includes(table)) return "Add a new column, fill it in batches, and switch to it.";
  if (mode === "ShareLock")
    return 'Build the index concurrently, in a migration that begins with "-- migrate: no-transaction" (docs/migrations.md has an example).';
  return "Add the constraint as not valid, and validate it in a later migration.";
}

const name = (table: string, sizes: TableSizes) => `${table} (${count(sizes.get(table)?.rows ?? 0)} rows)`;
const count = (rows: number) => Math.round(rows).toLocaleString("en");
