import { randomBytes } from "node:crypto";
import { connect, type Database } from "../database/index.ts";
import { pendingMigrations } from "../migrator/index.ts";
import { createLog } from "../observability/index.ts";
import { createRepositories, type Repositories } from "../repositories/index.ts";
import { readDatabaseConfig } from "./environment.ts";
import { UsageError } from "./failure.ts";
import { withTarget } from "./target.ts";

export interface CommandDatabase {
  readonly db: Database["db"];
  readonly repositories: Repositories;
}

/** Statements of a command have no time limit: the other end of a pipe may be slow. Times in ms; 0 means no limit. */
const commandTimeouts = { statementTimeout: 0, lockTimeout: 60_000, idleTransactionTimeout: 0 };

/**
 * Runs a command on the configured database.
 *
 * @param options.asLogin whether the login does not assume DATABASE_ROLE
 * @throws {UsageError} if migrations are pending
 */
export function withDatabase<T>(
  work: (database: CommandDatabase) => Promise<T>,
  options: { signal?: AbortSignal; asLogin?: boolean } = {},
): Promise<T> {
  const { database } = readDatabaseConfig();
  const role = options.asLogin ? undefined : database.role;
  return withTarget(async ({ url, ssl = "disable", caFile }) => {
    const { db, close } = await connect(
      { ...database, ...commandTimeouts, url, ssl, caFile, role, poolMin: 1, poolMax: 2 },
      { log: createLog({ level: "silent" }), applicationName: "aeturnis-data command", signal: options.signal },
    );
    try {
      const pending = await pendingMigrations(db);
      if (pending.length > 0) {
        throw new UsageError(
          `Nothing was done: migrations are pending (${pending.join(", ")}). Apply them first: aeturnis-data migrate up`,
        );
      }
      // A command passes no cursor to a client, so any key will do.
      const options = { cursorKeys: [randomBytes(32)], scanLimit: Number.POSITIVE_INFINITY };
      const repositories = createRepositories(db, options);
      return await work({ db, repositories });
    } finally {
      await close();
    }
  });
}
