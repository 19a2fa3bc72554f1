import { redactedAddress } from "../../config/index.ts";
import { codeOf } from "../../database/index.ts";
import { readHistory } from "../history/history.ts";
import { type MigrationState, migrationStates } from "../history/migration-state.ts";
import { ensureMigrationsTable, hasMigrationsTable } from "../history/migrations-table.ts";
import { defaultMigrationsTable } from "../history/table-names.ts";
import { type Migration, readMigrations } from "../journal/folder.ts";
import type { Outcome, RunOptions } from "../options.ts";
import { type Connections, openConnections } from "./connections.ts";
import { explainFailure } from "./failure.ts";
import { type LockOptions, withMigratorLock } from "./migrator-lock.ts";
import { createNotices } from "./notices.ts";

/** The resources and options of one command. */
export interface MigrationRun extends LockOptions {
  readonly connections: Connections;
  readonly migrations: readonly Migration[];
  /**
   * Throws if the step of this migration must not be taken in the present state of the database. It is called with
   * the migrator lock held.
   */
  readonly assertAllowed: (states: readonly MigrationState[], migration: Migration) => void;
  /** The notices that the server sent during a migration. */
  readonly noticesOf: (tag: string) => Pick<Outcome, "notices">;
}

/** Default longest wait for locks, and default time-out of one lock request (ms). */
const defaultLockWait = 600_000;
const defaultLockTimeout = 2_000;

/** Opens a run, passes it to `command`, and closes its connections. Errors of the database become MigrationErrors. */
export async function withMigrationRun<T>(
  options: RunOptions & { assertAllowed?: MigrationRun["assertAllowed"]; arrays?: boolean },
  command: (run: MigrationRun) => Promise<T>,
): Promise<T> {
  const run = await openRun(options);
  try {
    return await command(run);
  } catch (error) {
    throw codeOf(error) === undefined ? error : explainFailure(error, run);
  } finally {
    await run.connections.end();
  }
}

/** Time without an answer of the database after which a warning says so (ms). */
const silentWait = 2_000;

async function openRun(
  options: RunOptions & { assertAllowed?: MigrationRun["assertAllowed"]; arrays?: boolean },
): Promise<MigrationRun> {
  const migrations = readMigrations(options.folder);
  const migrationsTable = options.migrationsTable ?? defaultMigrationsTable;
  const notices = createNotices(options.onEvent ?? (() => {}), migrationsTable);
  const { signal, arrays } = options;
  const announceWait = () => {
    const message = `Waiting for PostgreSQL at ${redactedAddress(options.target.url).host}, which does not answer.`;
    options.onEvent?.({ type: "warning", message });
  };
  const timer = setTimeout(announceWait, silentWait);
  const connecting = openConnections(options.target, { onNotice: notices.onNotice, signal, arrays });
  return {
    connections: await connecting.finally(() => clearTimeout(timer)),
    migrations,
    migrationsTable,
    lockWait: options.lockWait ?? defaultLockWait,
    lockTimeout: options.lockTimeout ?? defaultLockTimeout,
    signal,
    onEvent: notices.onEvent,
    noticesOf: notices.of,
    assertAllowed: options.assertAllowed ?? (() => {}),
  };
}

/** The present state of every migration. */
export async function readMigrationStates(
  run: Pick<MigrationRun, "connections" | "migrations" | "migrationsTable">,
): Promise<MigrationState[]> {
  return migrationStates(run.migrations, await readHistory(run.connections.sql, run.migrationsTable));
}

/** Creates the migrations table and commits it, for roles that need it before their first step. */
export async function setUpMigrationsTable(run: MigrationRun): Promise<void> {
  const { connections, migrationsTable } = run;
  if (await hasMigrationsTable(connections.sql, migrationsTable)) return;
  await withMigratorLock(run, "drizzle-kit's table", ({ tx }) => ensureMigrationsTable(tx, migrationsTable));
}
