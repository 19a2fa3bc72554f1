import { readdirSync } from "node:fs";
import { FolderError } from "../errors.ts";
import { type Migration, migrationsFolder, readJournal, readMigrations, shortestPath } from "../journal/folder.ts";
import { checkSnapshots } from "../journal/snapshots.ts";
import { checkSyntax } from "../lint/syntax.ts";
import { findUnsafeStatements } from "../lint/unsafe-statements.ts";

/**
 * What is wrong with a folder, without a database: a journal whose times do not rise (drizzle-kit would skip a
 * migration in silence) or whose numbers repeat, files and journal that do not match one to one, tags whose order
 * as names is another, snapshots that drizzle-kit stops at or would go on from wrongly, a migration without a way
 * back, SQL that PostgreSQL's grammar or the migrator refuses, what loses rows and does not say why.
 */
export async function checkFolder(folder: string = migrationsFolder): Promise<string[]> {
  let migrations: Migration[];
  try {
    migrations = readMigrations(folder);
  } catch (error) {
    if (error instanceof FolderError) return [...error.faults];
    throw error;
  }

  const faults = [...repeatedNumbers(folder), ...checkSnapshots(folder, migrations)];
  for (const [index, { tag, when, up, down, rows }] of migrations.entries()) {
    const before = migrations[index - 1];
    if (before !== undefined && when <= before.when)
      faults.push(`${tag} is not later than ${before.tag} in the journal ("when"): drizzle-kit would skip it`);
    if (before !== undefined && tag <= before.tag)
      faults.push(`${tag} stands behind ${before.tag} in the journal, and before it by its name`);
    faults.push(...(await findUnsafeStatements(up)));
    if (down === undefined) faults.push(`${tag} has no way back: write ${tag}.down.sql`);
    for (const script of [up, down, rows]) {
      if (script === undefined || script.irreversible !== undefined) continue;
      const found = await checkSyntax(script);
      if (found.empty && script === down)
        faults.push(
          `${down.file} is empty: write what undoes ${tag}, or "-- migrate: irreversible <reason>" as its first line`,
        );
      faults.push(...found.faults);
    }
  }

  const tags = new Set(migrations.map(({ tag }) => tag));
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort()) {
    if (!tags.has(file.replace(/(\.down|\.rows)?\.sql$/, "")))
      faults.push(`${shortestPath(folder)}/${file} belongs to no migration of the journal`);
  }
  return faults;
}

/** Numbers that two entries have: left by a merge, they make drizzle-kit write over a snapshot. */
function repeatedNumbers(folder: string): string[] {
  const entries = readJournal(folder);
  return entries.flatMap(({ idx, tag }, index) => {
    const first = entries.findIndex((entry) => entry.idx === idx);
    return first === index ? [] : [`${entries[first]?.tag} and ${tag} have the same "idx" in the journal: ${idx}`];
  });
}
