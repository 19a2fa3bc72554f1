import { sql } from "drizzle-orm";
import { type AuditRunway, type Database, type Db, findAuditProblems, readAuditRunway } from "../database/index.ts";
import { missingPrivileges, summarizePrivileges } from "../privileges/index.ts";
import { readJournal } from "./journal/folder.ts";

export interface Readiness {
  readonly ready: boolean;
  /** True when the service is about to stop; absent otherwise. */
  readonly stopping?: true;
  /** Whether the database responds. */
  readonly database: boolean;
  /** Whether the database accepts writes: it is neither a standby nor read-only. */
  readonly writable: boolean;
  /** Tags of the migrations that are not applied; null when they cannot be determined. */
  readonly pending: readonly string[] | null;
  /** Privileges that the service's role lacks, such as after a migration; absent when there are none. */
  readonly privileges?: string;
  /** Problems that block, or will block, the recording or the signing of changes; absent when there are none. */
  readonly audit?: readonly string[];
  /** How far the partitions of the audit trail reach; absent when it cannot be determined. */
  readonly auditRunway?: AuditRunway;
}

/**
 * Reports whether the service can handle requests now. Never throws: an unreachable database is not ready.
 *
 * @param options.warning a problem of the audit trail that blocks nothing
 * @param options.isStopping whether the service is about to stop
 */
export async function checkReadiness(
  database: Database,
  { warning, isStopping }: { readonly warning: string | undefined; readonly isStopping: boolean },
): Promise<Readiness> {
  const stop = isStopping ? { stopping: true as const } : {};
  if (!(await succeeds(database.ping())))
    return { ready: false, ...stop, database: false, writable: false, pending: null };
  const writable = await succeeds(database.checkWritable());
  const pending = await pendingMigrations(database.db).catch(() => null);
  const applied = pending?.length === 0;
  // The migrations create the function that reports audit problems.
  const problems = applied ? await findAuditProblems(database.db).catch(() => [uncheckable]) : [];
  const audit = [...problems.map(({ problem }) => problem), ...(warning === undefined ? [] : [warning])];
  const missing = applied ? await missingPrivileges(database.db).catch(() => []) : [];
  const auditRunway = applied ? await readAuditRunway(database.db).catch(() => undefined) : undefined;
  return {
    ready:
      writable && applied && missing.length === 0 && !problems.some(({ blocksWrites }) => blocksWrites) && !isStopping,
    ...stop,
    database: true,
    writable,
    pending,
    ...(missing.length > 0 && { privileges: `missing: ${summarizePrivileges(missing)}` }),
    ...(audit.length > 0 && { audit }),
    ...(auditRunway && { auditRunway }),
  };
}

/** The check itself fails when a table of the audit trail, or the function that checks it, was renamed or dropped. */
const uncheckable = { problem: "the audit trail could not be checked", blocksWrites: true };

const succeeds = (work: Promise<void>) =>
  work.then(
    () => true,
    () => false,
  );

/** Returns the tags of the migrations of this package that are not applied, in order. */
export async function pendingMigrations(db: Db): Promise<string[]> {
  const [migrationsTable] = await db.execute(
    sql`select to_regclass('drizzle.__drizzle_migrations') is not null as exists`,
  );
  const applied =
    migrationsTable?.["exists"] === true
      ? await db.execute(sql`select created_at from drizzle.__drizzle_migrations`)
      : [];
  const known = new Set(applied.map((row) => Number(row["created_at"])));
  return readJournal()
    .filter(({ when }) => !known.has(when))
    .map(({ tag }) => tag);
}
