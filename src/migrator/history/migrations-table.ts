import type { TransactionSql } from "postgres";
import { codeOf, sqlstate } from "../../database/index.ts";
import { MigrationError } from "../errors.ts";
import { recorderSql } from "./recorder.ts";
import { type HistoryConnection, type MigrationsTable, quotedNames, quoteLiteral } from "./table-names.ts";

/** Returns whether the migrations table exists with everything that `ensureMigrationsTable` adds to it. */
export async function hasMigrationsTable(sql: HistoryConnection, migrationsTable: MigrationsTable): Promise<boolean> {
  const [found] = await sql.unsafe(`
    select 1 from pg_trigger
    where tgrelid = to_regclass(${quoteLiteral(quotedNames(migrationsTable).table)})
    and tgname = ${quoteLiteral(`${migrationsTable.table}_record`)}`);
  return found !== undefined;
}

/** Another session created the migrations table at the same moment: IF NOT EXISTS does not wait for other sessions. */
export class ConcurrentSetupError extends Error {}

const objectExists: ReadonlySet<string> = new Set([
  sqlstate.duplicateSchema,
  sqlstate.duplicateTable,
  sqlstate.duplicateObject,
]);

/**
 * Creates the migrations table as drizzle-kit does, and the migrator's additions to it, where they are missing.
 *
 * @throws {ConcurrentSetupError} when another session creates them at the same moment
 * @throws {MigrationError} when the table records a migration twice
 */
export async function ensureMigrationsTable(tx: TransactionSql, migrationsTable: MigrationsTable): Promise<void> {
  if (await hasMigrationsTable(tx, migrationsTable)) return;
  const { schema, table } = quotedNames(migrationsTable);
  try {
    await tx.unsafe(`
      create schema if not exists ${schema};
      create table if not exists ${table} (id serial primary key, hash text not null, created_at bigint);
      ${recorderSql(migrationsTable)}`);
  } catch (error) {
    const inCatalog = error instanceof Error && "schema_name" in error && error.schema_name === "pg_catalog";
    if (inCatalog || objectExists.has(codeOf(error) ?? ""))
      throw new ConcurrentSetupError("another session is creating the migrations table", { cause: error });
    if (codeOf(error) === sqlstate.uniqueViolation) {
      throw new MigrationError(
        `${table} records a migration more than once. Run \`migrate repair\` to remove the second record.`,
        { cause: error },
      );
    }
    throw error;
  }
}
