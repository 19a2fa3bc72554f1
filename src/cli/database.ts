import { randomBytes } from "node:crypto";
import { connect, type Database } from "../database/index.ts";
import { pendingMigrations } from "../migrator/index.ts";
import { createLog } from "../observability/index.ts";
import { createRepositories, type Repositories } from "../repositories/index.ts";
import { readDatabaseConfig } from "./environment.ts";
import { UsageError } from "./failure.ts";
import { withTarget } from "./target.ts";

export interface Opened {
  readonly db: Database["db"];
  readonly repositories: Repositories;
}

/** Runs a command on the migrated database. @throws {UsageError} when migrations are pending */
export function withDatabase<T>(
  work: (opened: Opened) => Promise<T>,
  options: { signal?: AbortSignal } = {},
): Promise<T> {
  const { database } = readDatabaseConfig();
  return withTarget(async ({ url, ssl = "disable", caFile }) => {
    // An operator's command takes as long as it takes: what it waits for may be a pipe.
    const patient = { statementTimeout: 0, lockTimeout: 60_000, idleTransactionTimeout: 0 };
    const opened = await connect(
      { ...database, ...patient, url, ssl, caFile, poolMin: 1, poolMax: 2 },
      { log: createLog({ level: "silent" }), applicationName: "aeturnis-data command", signal: options.signal },
    );
    try {
      const pending = await pendingMigrations(opened.db);
      if (pending.length > 0) {
        throw new UsageError(
          `Nothing was done: migrations are pending (${pending.join(", ")}). Apply them first: aeturnis-data migrate up`,
        );
      }
      // No cursor of these leaves the process.
      const parts = { secret: randomBytes(32).toString("hex"), scanLimit: Number.POSITIVE_INFINITY };
      return await work({ db: opened.db, repositories: createRepositories(opened.db, parts) });
    } finally {
      await opened.close();
    }
  });
}
