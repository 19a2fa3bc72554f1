import type { TransactionSql } from "postgres";
import { MigrationError } from "../errors.ts";
import { type HistoryEntry, historyEntries, unknownMigrationName } from "../history/migration-state.ts";
import {
  ensureMigrationsTable,
  type HistoryRecord,
  type MigrationsTable,
  quotedNames,
  readApplied,
} from "../history/migrations-table.ts";
import { isHashOf } from "../journal/folder.ts";
import type { MigrateOptions } from "../options.ts";
import { withMigratorLock } from "../runner/migrator-lock.ts";
import { withMigrationRun } from "../runner/run.ts";
import type { MigrationRun } from "../runner/step.ts";

/** One line of the books that disagrees with the files. */
export interface Repair {
  readonly tag: string;
  readonly problem: "edited" | "renumbered" | "unknown" | "recorded twice";
  /** What mending it does to the books. */
  readonly remedy: string;
}

export interface RepairOptions extends MigrateOptions {
  /** Only these, by tag or as the unknown ones are called in `status`. */
  readonly tags?: readonly string[] | undefined;
  /** Asked before anything is mended; without it nothing is. */
  readonly confirm?: ((repairs: readonly Repair[]) => Promise<boolean> | boolean) | undefined;
}

export interface RepairReport {
  readonly repairs: readonly Repair[];
  readonly mended: boolean;
}

type Mend = Repair & { readonly run: (tx: TransactionSql) => PromiseLike<unknown> };

/**
 * Shows where drizzle-kit's table disagrees with the files and, once confirmed, makes it agree, all in one
 * transaction. It touches the books alone, never the schema: whether the schema is as the files say is for a
 * person to know.
 */
export async function repair(options: RepairOptions): Promise<RepairReport> {
  return withMigrationRun(options, async (run) => {
    const wanted = select(mendsOf(run, await readApplied(run.connections.sql, run.migrationsTable)), options.tags);
    const shown = wanted.map(({ run: _, ...repair }) => repair);
    if (shown.length === 0 || !(await options.confirm?.(shown))) return { repairs: shown, mended: false };
    await withMigratorLock(run, "drizzle-kit's table", async (tx) => {
      const now = select(mendsOf(run, await readApplied(tx, run.migrationsTable)), options.tags);
      if (JSON.stringify(now) !== JSON.stringify(wanted))
        throw new MigrationError("Nothing was mended: the books have changed meanwhile. Look again.");
      for (const mend of now) await mend.run(tx);
      await ensureMigrationsTable(tx, run.migrationsTable);
    });
    return { repairs: shown, mended: true };
  });
}

function select(mends: readonly Mend[], tags: readonly string[] | undefined): readonly Mend[] {
  if (tags === undefined || tags.length === 0) return mends;
  const missing = tags.filter((tag) => !mends.some((mend) => mend.tag === tag));
  if (missing.length > 0) throw new MigrationError(`There is nothing to repair about ${missing.join(", ")}.`);
  return mends.filter(({ tag }) => tags.includes(tag));
}

/** Everything that could be mended, duplicates first. */
function mendsOf(
  { migrations, migrationsTable }: Pick<MigrationRun, "migrations" | "migrationsTable">,
  applied: readonly HistoryRecord[],
): Mend[] {
  const books = historyEntries(migrations, applied);
  return [
    ...books.flatMap((book) => book.more.map(({ id }) => forgetSecond(nameOf(book), id, migrationsTable))),
    ...books.flatMap((book) => mendOf(book, migrationsTable) ?? []),
  ];
}

function mendOf(book: HistoryEntry, migrationsTable: MigrationsTable): Mend | undefined {
  const { table } = quotedNames(migrationsTable);
  const { migration, moved } = book;
  const { id, hash } = book.record;
  const tag = nameOf(book);
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
  const remedy = "forgets that it was applied; what it did to the schema stays";
  return { tag, problem: "unknown", remedy, run: (tx) => tx.unsafe(`delete from ${table} where id = $1`, [id]) };
}

function forgetSecond(tag: string, id: number, migrationsTable: MigrationsTable): Mend {
  const { table } = quotedNames(migrationsTable);
  return {
    tag,
    problem: "recorded twice",
    remedy: "removes the second line",
    run: (tx) => tx.unsafe(`delete from ${table} where id = $1`, [id]),
  };
}

const nameOf = ({ when, migration }: HistoryEntry) => migration?.tag ?? unknownMigrationName(when);
