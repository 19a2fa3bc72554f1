import type { PendingQuery, Sql, TransactionSql } from "postgres";
import { sqlstate } from "../../database/index.ts";
import { StatementError } from "../errors.ts";
import type { Script } from "../journal/folder.ts";
import { placeOf, type Statement } from "../journal/script.ts";
import { transactionErrorRemedy } from "../lint/outside-transaction.ts";
import type { Direction, MigrateEvent } from "../options.ts";

/** The script that a statement comes from, and who wants to know. */
export interface StatementContext {
  readonly tag: string;
  readonly direction: Direction;
  readonly script: Script;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent: (event: MigrateEvent) => void;
}

/**
 * SQLSTATEs of what cannot be part of a transaction: it would not start in one (active_sql_transaction),
 * or is a procedure or DO block that commits (invalid_transaction_termination).
 */
export const notInTransaction: ReadonlySet<string> = new Set<string>([
  sqlstate.activeSqlTransaction,
  sqlstate.invalidTransactionTermination,
]);

/** Statements that are on their way at a time: the server does one after the other, and nobody waits in between. */
const ahead = 32;

/**
 * Runs statements one after the other; several only in a transaction, where none is done behind one that fails.
 *
 * @throws {StatementError} with its place in the file; the driver's error when the connection is lost, and the
 * signal's reason
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
    // Once it is to stop, what is on its way is cancelled and waited for, and no more is sent.
    if (index >= sent.length) context.signal?.throwIfAborted();
    // The first goes alone: it may find its table held, and the log would tell of each that was sent with it.
    const until = index === 0 ? 1 : index + ahead;
    for (const { text } of context.signal?.aborted ? [] : statements.slice(sent.length, until)) {
      const query = sql.unsafe<never[]>(text).execute();
      // Behind a failure all fail, and nobody asks why.
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
 * Checks now what was deferred to the end of the transaction: an error of COMMIT has no place in a file. `last` is
 * the statement behind which it came out.
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

/** How often a cancel request is repeated (ms): one that reaches the server before its statement does nothing. */
const cancelInterval = 100;

/** A query that PostgreSQL works on, or is about to; when the signal comes, it is asked to cancel it until it ends. */
async function cancellable<T>(query: PendingQuery<never[]> & Promise<T>, signal?: AbortSignal): Promise<T> {
  let requests: NodeJS.Timeout | undefined;
  const cancel = () => {
    // A turn later, because the driver loses its place in the line when it cancels what it has not sent yet.
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

/** The server's error, with its place in the file; any other (a lost connection) as it is. */
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
