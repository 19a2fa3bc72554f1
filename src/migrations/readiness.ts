import type { Database } from "../database/connect.ts";
import { pendingMigrations } from "./status.ts";

export interface Readiness {
  readonly ready: boolean;
  /** Whether the database answers. */
  readonly database: boolean;
  /** Migrations that it lacks; empty while it does not answer. */
  readonly pending: readonly string[];
}

/** Whether requests can be served now. Never throws: a database that is away is an answer, too. */
export async function checkReadiness(database: Database): Promise<Readiness> {
  try {
    await database.ping();
    const pending = await pendingMigrations(database.db);
    return { ready: pending.length === 0, database: true, pending };
  } catch {
    return { ready: false, database: false, pending: [] };
  }
}
