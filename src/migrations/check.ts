import { readdirSync } from "node:fs";
import { findDangers } from "./dangers.ts";
import { FolderError } from "./errors.ts";
import { type Migration, migrationsFolder, readMigrations, shortest } from "./folder.ts";
import { statementsOf } from "./statements.ts";

/**
 * What is wrong with a folder, without a database: a journal whose times do not rise (drizzle-kit would skip a
 * migration in silence), files and journal that do not match one to one, tags whose order as names is another,
 * a migration without a way back, what loses rows and does not say why.
 */
export async function checkFolder(folder: string = migrationsFolder): Promise<string[]> {
  let migrations: Migration[];
  try {
    migrations = readMigrations(folder);
  } catch (error) {
    if (error instanceof FolderError) return [...error.faults];
    throw error;
  }

  const faults: string[] = [];
  for (const [index, { tag, when, up, down }] of migrations.entries()) {
    const before = migrations[index - 1];
    if (before !== undefined && when <= before.when)
      faults.push(`${tag} is not later than ${before.tag} in the journal ("when"): drizzle-kit would skip it`);
    if (before !== undefined && tag <= before.tag)
      faults.push(`${tag} stands behind ${before.tag} in the journal, and before it by its name`);
    faults.push(...(await findDangers(up)));
    if (down === undefined) faults.push(`${tag} has no way back: write ${tag}.down.sql`);
    else if (down.irreversible === undefined && (await statementsOf(down)).length === 0)
      faults.push(
        `${down.file} is empty: write what undoes ${tag}, or "-- migrate: irreversible <reason>" as its first line`,
      );
  }

  const tags = new Set(migrations.map(({ tag }) => tag));
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort()) {
    if (!tags.has(file.replace(/(\.down|\.rows)?\.sql$/, "")))
      faults.push(`${shortest(folder)}/${file} belongs to no migration of the journal`);
  }
  return faults;
}
