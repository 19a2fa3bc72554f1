import type { Database } from "../database/connect.ts";
import { pendingMigrations } from "./status.ts";

export interface Readiness {
  readonly ready: boolean;
  /** Whether the database answers. */
  readonly database: boolean;
  /** Migrations that it lacks; null while that cannot be told. */
  readonly pending: readonly string[] | null;
}

/** Whether requests can be served now. Never throws: a database that is away is an answer, too. */
export async function checkReadiness(database: Database): Promise<Readiness> {
  const answers = await database.ping().then(
    () => true,
    () => false,
  );
  if (!answers) return { ready: false, database: false, pending: null };
  const pending = await pendingMigrations(database.db).catch(() => null);
  return { ready: pending?.length === 0, database: true, pending };
}
