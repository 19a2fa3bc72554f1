import type { TransactionSql } from "postgres";
import { codeOf, sqlstate } from "../../database/index.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import { execute, notInTransaction } from "../runner/execute.ts";
import type { MigrationRun } from "../runner/migration-run.ts";

/**
 * Runs the down scripts. Statements that cannot run in a transaction are skipped: they delete no rows, except
 * DETACH PARTITION CONCURRENTLY and procedures that commit.
 *
 * @returns the down files of those exceptions
 */
export async function rehearse(
  tx: TransactionSql,
  migrations: readonly Migration[],
  run: MigrationRun,
): Promise<string[]> {
  const deadline = performance.now() + 2 * run.lockTimeout;
  // Notices are reported when the scripts are run to be committed.
  await tx.unsafe("set local client_min_messages = error");
  const untried: string[] = [];
  for (const { tag, down } of migrations) {
    if (down === undefined) continue;
    const context = { tag, direction: "down", script: down, signal: run.signal, onEvent: () => {} } as const;
    for (const statement of await statementsOf(down)) {
      const left = run.lockTimeout === 0 ? 0 : Math.max(1, Math.ceil(deadline - performance.now()));
      await tx.unsafe(`set local statement_timeout = ${left}`);
      try {
        await tx.savepoint((inner) => execute(inner, [statement], context));
      } catch (error) {
        const code = codeOf(error) ?? "";
        if (!notInTransaction.has(code)) throw error;
        if (code === sqlstate.invalidTransactionTermination || statement.words.includes("detach"))
          untried.push(down.file);
      }
    }
    await settleConstraints(tx);
  }
  return untried;
}

/**
 * Checks deferred constraints, as the commit between two migrations does, and defers them again. Pending trigger events
 * would prevent the next migration from altering their tables.
 */
async function settleConstraints(tx: TransactionSql): Promise<void> {
  const [row] = await tx.unsafe(`
    select string_agg(format('%I.%I', nspname, conname), ', ') as deferred
    from pg_constraint join pg_namespace n on n.oid = connamespace where condeferred`);
  await tx.unsafe(
    `set constraints all immediate${row?.["deferred"] ? `; set constraints ${row["deferred"]} deferred` : ""}`,
  );
}
