import { sql } from "drizzle-orm";
import { type Database, type Db, findAuditProblems } from "../database/index.ts";
import { readJournal } from "./journal/folder.ts";

export interface Readiness {
  readonly ready: boolean;
  /** Whether the database answers. */
  readonly database: boolean;
  /** Whether it may be written to: no standby, not read-only. */
  readonly writable: boolean;
  /** Migrations that it lacks; null while that cannot be told. */
  readonly pending: readonly string[] | null;
  /** What keeps changes from being recorded, or will; left out while nothing does. */
  readonly audit?: readonly string[];
}

/** Whether requests can be served now. Never throws: a database that is away is an answer, too. */
export async function checkReadiness(database: Database): Promise<Readiness> {
  if (!(await succeeds(database.ping()))) return { ready: false, database: false, writable: false, pending: null };
  const writable = await succeeds(database.checkWritable());
  const pending = await pendingMigrations(database.db).catch(() => null);
  const applied = pending?.length === 0;
  // Before the migrations there is nothing to ask.
  const problems = applied ? await findAuditProblems(database.db).catch(() => [unknown]) : [];
  return {
    ready: writable && applied && !problems.some(({ blocksWrites }) => blocksWrites),
    database: true,
    writable,
    pending,
    ...(problems.length > 0 && { audit: problems.map(({ problem }) => problem) }),
  };
}

/** As when a table, or the function that looks, was renamed or dropped. */
const unknown = { problem: "the audit trail could not be looked at", blocksWrites: true };

const succeeds = (work: Promise<void>) =>
  work.then(
    () => true,
    () => false,
  );

/** Tags of the migrations that the database lacks, in order. */
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
