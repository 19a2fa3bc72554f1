import type { TransactionSql } from "postgres";
import { codeOf, isLostRace, retry } from "../database/retry.ts";
import {
  type Bookkeeping,
  ensureBookkeeping,
  forget,
  isBookkeepingThere,
  Raced,
  readApplied,
  recordApplied,
} from "./bookkeeping.ts";
import { compare, type Standing } from "./compare.ts";
import { executeOutside, type InTransaction } from "./concurrent.ts";
import type { Connections } from "./connect.ts";
import { LockWaitError } from "./errors.ts";
import { type Context, execute } from "./execute.ts";
import type { Migration, Script } from "./folder.ts";
import { letGo, takeLock } from "./lock.ts";
import type { Direction, MigrateEvent, Outcome } from "./options.ts";
import { type Statement, statementsOf } from "./statements.ts";
import { watch } from "./watch.ts";

/** Everything that one command works with. */
export interface Run {
  readonly connections: Connections;
  readonly migrations: readonly Migration[];
  readonly bookkeeping: Bookkeeping;
  readonly lockWait: number;
  readonly lockTimeout: number;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: MigrateEvent) => void;
  /** Throws when the database, as it stands once nobody else migrates, must not be touched. */
  readonly allows: (standings: readonly Standing[]) => void;
}

/**
 * Applies or undoes one migration, whole or not at all, with its line in the books. Another migrator may
 * be faster: then there is nothing to do.
 *
 * @throws {MigrationError} and nothing of the migration is left, unless it does not run in a transaction
 */
export async function takeStep(run: Run, migration: Migration, direction: Direction): Promise<Outcome> {
  const { tag } = migration;
  const script = direction === "up" ? migration.up : migration.down;
  if (script === undefined) throw new Error(`${tag} has no way ${direction}`);
  const statements = await statementsOf(script);
  const context: Context = { tag, direction, script, signal: run.signal, onEvent: run.onEvent };

  const started = performance.now();
  const work = script.noTransaction ? outside : inside;
  const worked = await work(run, { migration, direction, script, statements, context });
  const duration = Math.round(performance.now() - started);
  const outcome = direction === "down" ? "reverted" : worked ? "applied" : "applied elsewhere";
  run.onEvent({ type: "done", tag, outcome, ms: duration });
  return { tag, outcome, duration };
}

interface Step {
  readonly migration: Migration;
  readonly direction: Direction;
  readonly script: Script;
  readonly statements: readonly Statement[];
  readonly context: Context;
}

/** The usual way: the statements and the line in the books are one transaction. */
async function inside(run: Run, step: Step): Promise<boolean> {
  return patiently(run, step.context.tag, () =>
    run.connections.sql.begin(async (tx) =>
      alone(run, step, tx, async (started) => {
        await execute(tx, step.statements, step.context);
        await keepBooks(tx, step, { bookkeeping: run.bookkeeping, started });
      }),
    ),
  );
}

/** Statement by statement, on a connection of its own; this one holds the lock and writes the line when all are done. */
async function outside(run: Run, step: Step): Promise<boolean> {
  const { context, statements, migration } = step;
  await openBooks(run);
  const sql = await run.connections.outside();
  const inTransaction: InTransaction = (work) =>
    patiently(run, context.tag, () =>
      sql.begin(async (tx) => {
        await tx`select set_config('lock_timeout', ${String(run.lockTimeout)}, true), set_config('statement_timeout', '0', true)`;
        await work(tx);
      }),
    );
  return run.connections.sql.begin(async (tx) =>
    alone(run, step, tx, async () => {
      await letGo(tx, "select 1");
      const [pid] = await sql`select pg_backend_pid() as pid`;
      const stopWatching = watch(run.connections.sql, Number(pid?.["pid"]), context);
      try {
        await executeOutside(sql, statements, context, {
          bookkeeping: run.bookkeeping,
          when: migration.when,
          inTransaction,
        });
      } finally {
        stopWatching();
      }
      await keepBooks(tx, step, { bookkeeping: run.bookkeeping });
    }),
  );
}

/** The books, committed, for those who cannot write into them and migrate in one transaction. */
export async function openBooks(run: Run): Promise<void> {
  const { sql } = run.connections;
  if (await isBookkeepingThere(sql, run.bookkeeping)) return;
  await patiently(run, "drizzle-kit's table", () =>
    sql.begin(async (tx) => {
      await takeLock(tx, run);
      await ensureBookkeeping(tx, run.bookkeeping);
    }),
  );
}

/** Does `work` as the only migrator, if it is still to be done. */
async function alone(
  run: Run,
  { migration, direction, context, statements }: Step,
  tx: TransactionSql,
  work: (started: string) => Promise<void>,
): Promise<boolean> {
  const onWaiting = (ms: number, behind: readonly string[]) =>
    run.onEvent({ type: "waiting", tag: migration.tag, ms, behind });
  const { started, pid } = await takeLock(tx, { ...run, onWaiting });
  const stopWatching = watch(run.connections.sql, pid, context);
  try {
    await ensureBookkeeping(tx, run.bookkeeping);
    const standings = compare(run.migrations, await readApplied(tx, run.bookkeeping));
    const isApplied = standings.some(({ when, applied }) => when === migration.when && applied !== undefined);
    if (isApplied === (direction === "up")) return false;
    run.allows(standings);
    run.onEvent({ type: "start", tag: migration.tag, direction, statements: statements.length });
    await work(started);
    return true;
  } finally {
    stopWatching();
  }
}

async function keepBooks(
  tx: TransactionSql,
  { direction, migration }: Step,
  options: { bookkeeping: Bookkeeping; started?: string },
): Promise<void> {
  if (direction === "up") await recordApplied(tx, migration, options);
  else await forget(tx, migration.when, options.bookkeeping);
}

/**
 * Whoever queues for a table makes everybody queue who comes later, readers too. So a transaction that has not
 * got it in time gives everything back and tries again a little later (PostgreSQL manual, 20.11, lock_timeout).
 */
export function patiently<T>(
  { onEvent, signal, lockWait }: Pick<Run, "onEvent" | "signal" | "lockWait">,
  tag: string,
  work: () => Promise<T>,
): Promise<T> {
  return retry(work, {
    retries: Number.POSITIVE_INFINITY,
    maxRetryTime: lockWait,
    minTimeout: 200,
    maxTimeout: 10_000,
    again: (error) =>
      error instanceof Raced || (!(error instanceof LockWaitError) && (codeOf(error) === "55P03" || isLostRace(error))),
    onRetry: (error, attempt) => onEvent({ type: "retry", tag, attempt, reason: messageOf(error) }),
    signal,
  });
}

const messageOf = (error: unknown) => (error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
