import type { PendingQuery, Sql, TransactionSql } from "postgres";
import { sqlstate } from "../../database/index.ts";
import { StatementError } from "../errors.ts";
import type { Script } from "../journal/folder.ts";
import { placeOf, type Statement } from "../journal/script.ts";
import { transactionErrorRemedy } from "../lint/outside-transaction.ts";
import type { Direction, MigrateEvent } from "../options.ts";

/** The script that a statement belongs to, and the listener of its events. */
export interface StatementContext {
  readonly tag: string;
  readonly direction: Direction;
  readonly script: Script;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent: (event: MigrateEvent) => void;
}

/**
 * SQLSTATEs of statements that cannot run in a transaction: those that do not start in one (active_sql_transaction), and
 * procedures and DO blocks that commit (invalid_transaction_termination).
 */
export const notInTransaction: ReadonlySet<string> = new Set<string>([
  sqlstate.activeSqlTransaction,
  sqlstate.invalidTransactionTermination,
]);

/** Maximum number of statements in the pipeline, so that the server does not wait for the client between them. */
const maxPipelined = 32;

/**
 * Executes statements in order, pipelined. Several statements must be in a transaction, so that none takes effect after
 * one that fails.
 *
 * @throws {StatementError} with its place in the file; the driver's error when the connection is lost; the signal's
 * reason when it is aborted
 */
export async function execute(
  sql: Sql | TransactionSql,
  statements: readonly Statement[],
  context: StatementContext,
  { first = 1, of = statements.length }: { first?: number; of?: number } = {},
): Promise<void> {
  const sent: (PendingQuery<never[]> & Promise<unknown>)[] = [];
  let started = performance.now();
  for (const [index, statement] of statements.entries()) {
    // After an abort, the statements in the pipeline are cancelled and awaited, and no more are sent.
    if (index >= sent.length) context.signal?.throwIfAborted();
    // The first statement is sent alone: when it times out on a lock, the server logs an error for each one after it.
    const until = index === 0 ? 1 : index + maxPipelined;
    for (const { text } of context.signal?.aborted ? [] : statements.slice(sent.length, until)) {
      const query = sql.unsafe<never[]>(text).execute();
      // After a failure, the rest of the pipeline fails, too. Only the first error is reported.
      query.catch(() => {});
      sent.push(query);
    }
    try {
      await cancellable(sent[index] as (typeof sent)[number], context.signal);
    } catch (error) {
      throw withPlace(error, statement, context);
    }
    const now = performance.now();
    const ms = Math.round(now - started);
    started = now;
    context.onEvent({ type: "statement", tag: context.tag, number: first + index, of, ms });
  }
}

/**
 * Checks deferred constraints before COMMIT, whose errors have no place in a file. The error gets the place of `last`,
 * the last statement.
 */
export async function checkDeferred(
  tx: TransactionSql,
  last: Statement | undefined,
  context: StatementContext,
): Promise<void> {
  try {
    await tx.unsafe("set constraints all immediate");
  } catch (error) {
    throw last === undefined ? error : withPlace(error, last, context);
  }
}

/** Interval between cancel requests (ms): a request that reaches the server before the statement has no effect. */
const cancelInterval = 100;

/** Waits for a query that is sent. After an abort, repeats cancel requests until the query ends. */
async function cancellable<T>(query: PendingQuery<never[]> & Promise<T>, signal?: AbortSignal): Promise<T> {
  let requests: NodeJS.Timeout | undefined;
  const cancel = () => {
    // Deferred, because the driver corrupts its queue when it cancels a query that it has not sent yet.
    setImmediate(() => query.cancel());
    requests = setInterval(() => query.cancel(), cancelInterval);
  };
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await query;
  } finally {
    signal?.removeEventListener("abort", cancel);
    clearInterval(requests);
  }
}

/** Adds the place in the file to an error of the server. Returns other errors, such as a lost connection, unchanged. */
export function withPlace(
  error: unknown,
  statement: Statement,
  { tag, script }: Pick<StatementContext, "tag" | "script">,
): unknown {
  if (!(error instanceof Error) || error.name !== "PostgresError") return error;
  const position = "position" in error ? Number(error.position) : 1;
  return new StatementError(
    tag,
    placeOf(script, statement, position || 1),
    error,
    transactionErrorRemedy(error, statement, script),
  );
}
