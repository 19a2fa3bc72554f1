import type { Sql, TransactionSql } from "postgres";
import { codeOf, sqlstate } from "../../database/index.ts";
import { MigrationError } from "../errors.ts";
import { hashOf, type ProgressKey, recordStatement, startProgress } from "../history/statement-progress.ts";
import { placeOf, type Statement } from "../journal/script.ts";
import { concurrentOperation } from "./concurrent-index.ts";
import { checkDeferred, execute, notInTransaction, type StatementContext } from "./execute.ts";
import { buildIndex } from "./index-build.ts";
import type { NoTransactionSession } from "./no-transaction-session.ts";

/**
 * Runs the statements of a script without a transaction around them. Each is committed and recorded by itself, so that
 * the next `up` after a failure or a `kill -9` continues after the last completed one.
 *
 * @throws {MigrationError} if completed statements have been edited
 */
export async function executeWithoutTransaction(
  session: NoTransactionSession,
  statements: readonly Statement[],
  { context, progressKey }: { context: StatementContext; progressKey: ProgressKey },
): Promise<void> {
  const { done, begunBefore } = await startProgress(session.sql, progressKey);
  assertUnedited(statements, done, context);
  for (const [index, statement] of statements.entries()) {
    if (index < done.length) continue;
    const place = { first: index + 1, of: statements.length };
    const record = (connection: Sql | TransactionSql) => recordStatement(connection, progressKey, { index, statement });
    try {
      await session.inTransaction(async (tx) => {
        await execute(tx, [statement], context, place);
        await checkDeferred(tx, statement, context);
        await record(tx);
      });
    } catch (error) {
      if (!notInTransaction.has(codeOf(error) ?? "")) throw error;
      const mayBeDone = begunBefore && index === done.length;
      await executeBare(session, statement, { context, place, mayBeDone });
      await record(session.sql);
    }
  }
}

/** @throws {MigrationError} if a completed statement differs from the script */
function assertUnedited(statements: readonly Statement[], done: readonly string[], context: StatementContext): void {
  const edited = statements.find((statement, index) => index < done.length && hashOf(statement) !== done[index]);
  if (edited === undefined && done.length <= statements.length) return;
  const { file, line } = placeOf(context.script, edited ?? { text: "", offset: 0 });
  throw new MigrationError(
    `${file}:${line}: the first ${done.length} statements of ${context.tag} are committed, and were edited since. ` +
      "Restore them, and change only the statements after them.",
  );
}

/**
 * Runs one statement that PostgreSQL does not run in a transaction.
 *
 * @param options.mayBeDone whether a killed run may have completed the statement without recording it
 */
async function executeBare(
  session: NoTransactionSession,
  statement: Statement,
  options: { context: StatementContext; place: { first: number; of: number }; mayBeDone: boolean },
): Promise<void> {
  const { context, place, mayBeDone } = options;
  const run = (sql: Sql) => execute(sql, [statement], context, place);
  const operation = await concurrentOperation(statement.text);
  if (operation === undefined) return session.withLockTimeout(run);
  if (operation === "other") return session.withoutLockTimeout(run);
  if (operation === "drop") {
    return session.withoutLockTimeout(run).catch((error: unknown) => {
      if (!mayBeDone || codeOf(error) !== sqlstate.undefinedObject) throw error;
    });
  }
  return buildIndex(session.sql, operation, { context, mayBeDone, build: () => session.withoutLockTimeout(run) });
}
