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
  /** The URL for the service, with its login, through PgBouncer when the run uses it. */
  readonly url: string;
  /** The URL of the server itself, with the login of a superuser who owns the tables. */
  readonly directUrl: string;
  /** A connection with `directUrl`. */
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

/**
 * Creates a copy of the migrated template, or an empty database, for whose migration `url` has the login of the owner. With
 * `direct`, `url` never goes through PgBouncer. Without `grants` it is as the migrations leave it.
 */
export async function createDatabase(
  options: { empty?: boolean; direct?: boolean; grants?: false } = {},
): Promise<TestDatabase> {
  const server = serverConnection();
  const name = `aeturnis_test_${randomUUID().replaceAll("-", "")}`;
  const from = options.empty ? "template1" : inject("template");
  await server`create database ${server(name)} template ${server(from)} strategy file_copy`;
  const directUrl = urlOfDatabase(inject("serverUrl"), name);
  const sql = postgres({ ...driverOptions({ url: directUrl }), onnotice: () => {}, max: 4 });
  if (options.grants === false) await sql.unsafe(`drop owned by ${serviceUser()}`);
  return {
    url: options.empty ? urlOf(name, options) : withLogin(urlOf(name, options), inject("serviceLogin")),
    directUrl,
    sql,
    drop: async () => {
      await sql.end({ timeout: 5 });
      await server`drop database ${server(name)} with (force)`;
    },
  };
}

const urlOf = (database: string, { direct = false }) =>
  urlOfDatabase(isPooled && !direct ? inject("poolerUrl") : inject("serverUrl"), database);

/** The login of services in tests. A test grants it what its own tables need. */
export const serviceUser = (): string => inject("serviceLogin").user;

/** The URL with another login. */
export function withLogin(url: string, { user, password }: { user: string; password: string }): string {
  const changed = new URL(url);
  [changed.username, changed.password] = [user, password];
  return changed.href;
}

/**
 * Creates a login with a name of its own, and drops it when the test ends: what it owns goes to the role of `sql`.
 *
 * @param options.attributes of CREATE ROLE
 * @param options.rights returns further statements for the login
 */
export async function createLogin(
  sql: postgres.Sql,
  { attributes = "", rights = () => "" }: { attributes?: string; rights?: (user: string) => string } = {},
): Promise<{ user: string; password: string }> {
  const [user, password] = [`login_${randomUUID().slice(0, 8)}`, "secret"];
  await sql.unsafe(`create role ${user} login password '${password}' ${attributes}; ${rights(user)}`);
  onTestFinished(async () => {
    await sql.unsafe(`reassign owned by ${user} to current_user; drop owned by ${user}; drop role ${user}`);
  });
  return { user, password };
}

/** Empties tables without the triggers that record, cascade or refuse deletions. */
async function deleteRows(sql: postgres.Sql | postgres.TransactionSql, ...tables: string[]): Promise<void> {
  const deletions = tables.map((table) => `delete from ${table};`).join("\n");
  await sql.unsafe(`
    set local session_replication_role = replica;
    ${deletions}
    set local session_replication_role = origin`);
}

/** Empties all tables. */
export const emptyTables = (sql: postgres.Sql): Promise<void> =>
  deleteRows(sql, "users", "user_security", "user_sessions", "user_devices", "audit_log");

/** Empties the audit trail, which refuses it otherwise. */
export const emptyTrail = (sql: postgres.Sql | postgres.TransactionSql): Promise<void> => deleteRows(sql, "audit_log");

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
