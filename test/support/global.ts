import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import type { TestProject } from "vitest/node";
import { urlOfDatabase } from "../../src/config/database-url/parse.ts";
import { driverOptions } from "../../src/database/endpoint.ts";
import { startEmbedded } from "../../src/embedded/server.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { createLog } from "../../src/observability/log.ts";
import { startPgBouncer } from "./pgbouncer.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A database of the server under test; its role may create databases. */
    serverUrl: string;
    /** The PgBouncer of that server with TEST_DATABASE_POOLER=transaction; otherwise empty. */
    poolerUrl: string;
    /** The migrated, empty database that tests copy. */
    template: string;
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

  project.provide("serverUrl", server.url);
  project.provide("template", template);
  const pooler =
    process.env["TEST_DATABASE_POOLER"] === "transaction"
      ? await startPgBouncer(server.url, { poolSize: 8, settings: ["server_idle_timeout = 2"] })
      : undefined;
  project.provide("poolerUrl", pooler?.url ?? "");
  return async () => {
    await sql`drop database ${sql(template)} with (force)`;
    await sql.end();
    await pooler?.stop();
    await server.stop();
  };
}

async function startServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const url = process.env["TEST_DATABASE_URL"];
  if (url) return { url, stop: async () => {} };

  const folder = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
  // The test databases need not survive a crash.
  const settings = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };
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
