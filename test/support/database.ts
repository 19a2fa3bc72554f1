import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { inject, onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { urlOfDatabase } from "../../src/config/database-url/parse.ts";
import type { ConfigVariable } from "../../src/config/environment.ts";
import { driverOptions } from "../../src/database/endpoint.ts";
import type { Executor } from "../../src/database/executor.ts";
import { type ConnectOptions, connect, type Database } from "../../src/database/pool.ts";
import { createLog } from "../../src/observability/log.ts";
import { createRepositories, type Repositories } from "../../src/repositories/repositories.ts";

/** Settings of the service in a test. An unknown name does not compile. */
export type TestSettings = Readonly<Partial<Record<ConfigVariable, string>>>;

export const quiet = createLog({ level: "silent" });

/** Whether the service connects through PgBouncer in transaction mode (TEST_DATABASE_POOLER=transaction). */
export const isPooled = process.env["TEST_DATABASE_POOLER"] === "transaction";

/**
 * Settings of the service in every test: one connection is opened at its start, and others when they are needed. The audit
 * trail has no more months than the migrations create.
 */
export const baseSettings: TestSettings = { DATABASE_POOL_MIN: "1", AUDIT_MONTHS_AHEAD: "3" };

/** The pooler settings of the service for a database URL. */
export const poolerOf = (url: string): TestSettings =>
  isPooled && new URL(url).port !== new URL(inject("serverUrl")).port ? { DATABASE_POOLER: "transaction" } : {};

/** A database for one test or test file. */
export interface TestDatabase {
  /** The URL for the service, through PgBouncer when the run uses it. */
  readonly url: string;
  /** The URL of the server itself, for features that a pooler does not support. */
  readonly directUrl: string;
  /** A connection to the server that does not go through the service. */
  readonly sql: postgres.Sql;
  readonly drop: () => Promise<void>;
}

let admin: postgres.Sql | undefined;

/** The connection of this worker that creates and drops databases. It closes after a second without use. */
function serverConnection(): postgres.Sql {
  admin ??= postgres({
    ...driverOptions({ url: inject("serverUrl") }),
    max: 1,
    idle_timeout: 1,
    fetch_types: false,
    onnotice: () => {},
  });
  return admin;
}

/** Creates a copy of the migrated template, or an empty database. With `direct`, `url` never goes through PgBouncer. */
export async function createDatabase(options: { empty?: boolean; direct?: boolean } = {}): Promise<TestDatabase> {
  const server = serverConnection();
  const name = `aeturnis_test_${randomUUID().replaceAll("-", "")}`;
  const from = options.empty ? "template1" : inject("template");
  await server`create database ${server(name)} template ${server(from)} strategy file_copy`;
  const directUrl = urlOfDatabase(inject("serverUrl"), name);
  const sql = postgres({ ...driverOptions({ url: directUrl }), onnotice: () => {}, max: 4 });
  return {
    url: isPooled && !options.direct ? urlOfDatabase(inject("poolerUrl"), name) : directUrl,
    directUrl,
    sql,
    drop: async () => {
      await sql.end({ timeout: 5 });
      await server`drop database ${server(name)} with (force)`;
    },
  };
}

/** Empties all tables without the triggers that record, cascade or refuse deletions. */
export async function emptyTables(sql: postgres.Sql): Promise<void> {
  await sql`
    set local session_replication_role = replica;
    delete from users;
    delete from user_security;
    delete from user_sessions;
    delete from user_devices;
    delete from audit_log`.simple();
}

/** Opens the service's connection pool to a database. The caller must close it. */
export function connectTo(
  url: string,
  env: TestSettings = {},
  options: Partial<ConnectOptions> = {},
): Promise<Database> {
  return connect(
    { ...loadConfig({ ...baseSettings, ...poolerOf(url), ...env }).database, url },
    { log: quiet, ...options },
  );
}

/** Calls `connectTo`, and closes the pool when the test ends. */
export async function openPool(...args: Parameters<typeof connectTo>): Promise<Database> {
  const database = await connectTo(...args);
  onTestFinished(() => database.close());
  return database;
}

/** Creates the repositories of the service on a database. */
export function repositoriesOn(db: Executor, options: { scanLimit?: number } = {}): Repositories {
  return createRepositories(db, {
    cursorKeys: [Buffer.from("signs the tests' cursors")],
    scanLimit: options.scanLimit ?? 100_000,
  });
}
