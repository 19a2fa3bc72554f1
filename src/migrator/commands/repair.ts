import type { TransactionSql } from "postgres";
import { MigrationError } from "../errors.ts";
import { type HistoryRecord, readHistory } from "../history/history.ts";
import { type HistoryEntry, historyEntries, unknownMigrationName } from "../history/history-entry.ts";
import { ensureMigrationsTable } from "../history/migrations-table.ts";
import { type MigrationsTable, quotedNames } from "../history/table-names.ts";
import { isHashOf } from "../journal/folder.ts";
import type { MigrateOptions } from "../options.ts";
import { type MigrationRun, withMigrationRun } from "../runner/migration-run.ts";
import { withMigratorLock } from "../runner/migrator-lock.ts";

/** A record that differs from the files. */
export interface Repair {
  readonly tag: string;
  readonly problem: "edited" | "renumbered" | "unknown" | "recorded twice";
  /** The change of the record. */
  readonly remedy: string;
}

export interface RepairOptions extends MigrateOptions {
  /** Only these, by tag, or by the name that `status` gives to an unknown migration. */
  readonly tags?: readonly string[] | undefined;
  /** Called before a record is changed. Without it, nothing is changed. */
  readonly confirm?: ((repairs: readonly Repair[]) => Promise<boolean> | boolean) | undefined;
}

export interface RepairReport {
  readonly repairs: readonly Repair[];
  readonly mended: boolean;
}

/** A repair with the statement that makes it. */
type RepairStatement = Repair & { readonly run: (tx: TransactionSql) => PromiseLike<unknown> };

/**
 * Reports records that differ from the files, and corrects them in one transaction if `confirm` agrees. It changes the
 * migrations table only, never the schema: whether the schema is what the files build, the operator must know.
 */
export async function repair(options: RepairOptions): Promise<RepairReport> {
  return withMigrationRun(options, async (run) => {
    const { applied } = await readHistory(run.connections.sql, run.migrationsTable);
    const selected = selectRepairs(findRepairs(run, applied), options.tags);
    const repairs = selected.map(({ run: _, ...repair }) => repair);
    if (repairs.length === 0 || !(await options.confirm?.(repairs))) return { repairs, mended: false };

    await withMigratorLock(run, "drizzle-kit's table", async ({ tx }) => {
      const { applied } = await readHistory(tx, run.migrationsTable);
      const current = selectRepairs(findRepairs(run, applied), options.tags);
      if (JSON.stringify(current) !== JSON.stringify(selected))
        throw new MigrationError(
          "Nothing was repaired: the migrations table has changed since. Run the command again.",
        );
      for (const statement of current) await statement.run(tx);
      await ensureMigrationsTable(tx, run.migrationsTable);
    });
    return { repairs, mended: true };
  });
}

function selectRepairs(
  repairs: readonly RepairStatement[],
  tags: readonly string[] | undefined,
): readonly RepairStatement[] {
  if (tags === undefined || tags.length === 0) return repairs;
  const missing = tags.filter((tag) => !repairs.some((repair) => repair.tag === tag));
  if (missing.length > 0) throw new MigrationError(`There is nothing to repair about ${missing.join(", ")}.`);
  return repairs.filter(({ tag }) => tags.includes(tag));
}

/** Every possible repair, duplicates first. */
function findRepairs(
  { migrations, migrationsTable }: Pick<MigrationRun, "migrations" | "migrationsTable">,
  applied: readonly HistoryRecord[],
): RepairStatement[] {
  const entries = historyEntries(migrations, applied);
  return [
    ...entries.flatMap((entry) => removeDuplicates(entry, migrationsTable)),
    ...entries.flatMap((entry) => repairOf(entry, migrationsTable) ?? []),
  ];
}

function removeDuplicates(entry: HistoryEntry, migrationsTable: MigrationsTable): RepairStatement[] {
  const { table } = quotedNames(migrationsTable);
  return entry.duplicates.map(({ id }) => ({
    tag: tagOf(entry),
    problem: "recorded twice",
    remedy: "removes the second record",
    run: (tx) => tx.unsafe(`delete from ${table} where id = $1`, [id]),
  }));
}

function repairOf(entry: HistoryEntry, migrationsTable: MigrationsTable): RepairStatement | undefined {
  const { table } = quotedNames(migrationsTable);
  const { migration, moved } = entry;
  const { id, hash } = entry.record;
  const tag = tagOf(entry);
  if (migration !== undefined) {
    if (isHashOf(migration, hash)) return undefined;
    const remedy = "records the file as it is now: for an edit that changes nothing in the database";
    return {
      tag,
      problem: "edited",
      remedy,
      run: (tx) => tx.unsafe(`update ${table} set hash = $1 where id = $2`, [migration.hash, id]),
    };
  }
  if (moved !== undefined) {
    const remedy = `records it as ${moved.tag}, which has its content`;
    return {
      tag,
      problem: "renumbered",
      remedy,
      run: (tx) => tx.unsafe(`update ${table} set created_at = $1 where id = $2`, [moved.when, id]),
    };
  }
  const remedy = "removes its record; its changes of the schema stay";
  return { tag, problem: "unknown", remedy, run: (tx) => tx.unsafe(`delete from ${table} where id = $1`, [id]) };
}

const tagOf = ({ when, migration }: HistoryEntry) => migration?.tag ?? unknownMigrationName(when);
