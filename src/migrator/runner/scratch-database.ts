import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { urlOfDatabase } from "../../config/index.ts";
import { codeOf, sqlstate } from "../../database/index.ts";
import { MigrationError } from "../errors.ts";
import type { MigrateOptions } from "../options.ts";
import { openConnections, type Target } from "./connections.ts";
import { type MigrationRun, setUpMigrationsTable, withMigrationRun } from "./migration-run.ts";

const prefix = "aeturnis_scratch_";

/**
 * Creates an empty scratch database on a server for `work`, and drops it afterwards. Also drops scratch databases that
 * killed commands left behind. Events of the migrations in it are not reported.
 *
 * @throws {MigrationError} when the role may not create databases
 */
export async function withScratchDatabase<T>(
  server: Target,
  { folder, migrationsTable, signal }: Omit<MigrateOptions, "target" | "onEvent">,
  work: (run: MigrationRun) => Promise<T>,
): Promise<T> {
  const connections = await openConnections(server, { signal });
  const { sql } = connections;
  try {
    await dropStaleDatabases(sql);
    const name = `${prefix}${Math.floor(Date.now() / 1000)}_${randomUUID().slice(0, 8)}`;
    await create(sql, name);
    try {
      const target = { ...server, url: urlOfDatabase(server.url, name) };
      return await withMigrationRun({ target, folder, migrationsTable, signal, arrays: true }, async (run) => {
        await setUpMigrationsTable(run);
        return work(run);
      });
    } finally {
      await sql`drop database if exists ${sql(name)} with (force)`;
    }
  } finally {
    await connections.end();
  }
}

async function create(sql: Sql, name: string): Promise<void> {
  try {
    // template1 cannot be copied while another session is connected to it.
    await sql`create database ${sql(name)} template template0`;
  } catch (error) {
    if (codeOf(error) !== sqlstate.insufficientPrivilege) throw error;
    throw new MigrationError(
      "This role may not create a scratch database (42501). Name a server on which it may with --scratch <url>, or run " +
        "as an administrator: alter role <role> createdb",
      { cause: error },
    );
  }
}

/** Drops the role's scratch databases that are older than an hour and have no sessions. */
async function dropStaleDatabases(sql: Sql): Promise<void> {
  const rows = await sql`
    select datname from pg_database as database
    where starts_with(datname, ${prefix}) and datdba = (select oid from pg_roles where rolname = current_user)
    and not exists (select 1 from pg_stat_activity where datid = database.oid)`;
  const hourAgo = Date.now() / 1000 - 3600;
  for (const { datname } of rows) {
    // Another migrator may drop it first.
    if (Number(datname.slice(prefix.length).split("_")[0]) < hourAgo)
      await sql`drop database if exists ${sql(datname)}`.catch(() => {});
  }
}
