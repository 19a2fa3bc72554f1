import { type SQL, sql } from "drizzle-orm";

/**
 * The names of all advisory locks. The key of a lock is `hashtextextended(name, 0)`.
 *
 * Every lock is a transaction's: PgBouncer in transaction mode may run the next transaction of a session on another
 * server connection, where a session's lock would be lost (PostgreSQL manual, 13.3.5).
 */
export const advisoryLocks = {
  /**
   * One migrator at a time for each migrations table (its quoted, qualified name), or `role grant`: PostgreSQL refuses to
   * change a row of the catalog that another transaction has changed.
   */
  migrator: (table: string) => `migrate ${table}`,
  /** Opening or creating the run of an import file (its absolute path). */
  importFile: (path: string) => `import of ${path}`,
  /** Moving the checkpoint of an import run. */
  importRun: (id: string) => `import ${id}`,
  /** The leader of a periodic job. */
  job: (name: string) => `job ${name}`,
} as const;

/** Locks that functions and triggers of the migrations acquire themselves. */
export const advisoryLocksOfMigrations = [
  "keep_an_administrator",
  "create_audit_log_partitions",
  "refresh_change_recorders",
  "sequence_audit_log",
] as const;

/** An expression that waits for a lock and holds it until the end of the transaction. */
export const acquireAdvisoryLock = (name: string): SQL => sql`pg_advisory_xact_lock(hashtextextended(${name}, 0))`;

/** An expression that acquires a lock if it is free, and is false if another transaction holds it. */
export const tryAdvisoryLock = (name: string): SQL<boolean> =>
  sql`pg_try_advisory_xact_lock(hashtextextended(${name}, 0))`;
