import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import type { TestProject } from "vitest/node";
import { loadConfig } from "../../src/config/config.ts";
import { urlOfDatabase } from "../../src/config/database-url/parse.ts";
import { driverOptions } from "../../src/database/endpoint.ts";
import { connect } from "../../src/database/pool.ts";
import { startEmbedded } from "../../src/embedded/server.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { createLog } from "../../src/observability/log.ts";
import { grantServiceRole } from "../../src/privileges/grant-role.ts";
import { startPgBouncer } from "./pgbouncer.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A database of the server under test; its role may create databases. */
    serverUrl: string;
    /** The PgBouncer of that server with TEST_DATABASE_POOLER=transaction; otherwise empty. */
    poolerUrl: string;
    /** The migrated, empty database that tests copy. */
    template: string;
    /** The login of services in tests. It has the privileges of the service's role in the template, and no others. */
    serviceLogin: { readonly user: string; readonly password: string };
  }
}

/**
 * Starts one PostgreSQL server for the run, unless TEST_DATABASE_URL names one, and migrates a template database on it.
 * A copy of the template takes about 50 ms.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  // Every service needs the list of common passwords, which `npm run build` writes.
  await import("../../build-common-passwords.ts");
  const server = await startServer();
  const template = `aeturnis_template_${process.pid}`;
  const sql = postgres({ ...driverOptions({ url: server.url }), max: 1, onnotice: () => {} });
  await sql`create database ${sql(template)}`;
  const { error } = await up({ target: { url: urlOfDatabase(server.url, template) } });
  if (error !== undefined) throw error;
  const serviceLogin = { user: `aeturnis_service_${process.pid}`, password: randomUUID() };
  await grantLogin(urlOfDatabase(server.url, template), serviceLogin);

  project.provide("serverUrl", server.url);
  project.provide("template", template);
  project.provide("serviceLogin", serviceLogin);
  const pooler =
    process.env["TEST_DATABASE_POOLER"] === "transaction"
      ? await startPgBouncer(server.url, { poolSize: 8, settings: ["server_idle_timeout = 2"], logins: [serviceLogin] })
      : undefined;
  project.provide("poolerUrl", pooler?.url ?? "");
  return async () => {
    await sql`drop database ${sql(template)} with (force)`;
    // A database that a failed test has left refers to the role.
    await sql`drop role ${sql(serviceLogin.user)}`.catch(() => {});
    await sql.end();
    await pooler?.stop();
    await server.stop();
  };
}

async function grantLogin(url: string, { user, password }: { user: string; password: string }): Promise<void> {
  const config = loadConfig({ DATABASE_URL: url, DATABASE_POOL_MAX: "1", DATABASE_POOL_MIN: "0" }).database;
  const { db, close } = await connect({ ...config, url }, { log: createLog({ level: "silent" }) });
  await grantServiceRole(db, { role: user, create: true, login: true });
  await db.execute(`alter role ${user} password '${password}'`);
  await close();
}

async function startServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const url = process.env["TEST_DATABASE_URL"];
  if (url) return { url, stop: async () => {} };

  const folder = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
  // The test databases need not survive a crash.
  const settings = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_prepared_transactions: "4" };
  const server = await startEmbedded({ folder, log: createLog({ level: "silent" }), settings });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
      rmSync(server.cluster, { recursive: true, force: true });
    },
  };
}
