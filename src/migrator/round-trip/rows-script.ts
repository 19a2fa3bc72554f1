import { sqlstate } from "../../database/index.ts";
import { StatementError } from "../errors.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import { execute } from "../runner/execute.ts";
import type { MigrationRun } from "../runner/migration-run.ts";

/**
 * Runs the `.rows.sql` of a migration in one transaction, where there is one.
 *
 * @param options.again accepts a duplicate key: the rows may have survived the down migration
 * @throws {StatementError}
 */
export async function applyRowsScript(
  { connections, signal }: MigrationRun,
  { tag, rows: script }: Migration,
  { again = false } = {},
): Promise<void> {
  if (script === undefined) return;
  const statements = await statementsOf(script);
  const context = { tag, direction: "up", script, signal, onEvent: () => {} } as const;
  try {
    await connections.sql.begin((tx) => execute(tx, statements, context));
  } catch (error) {
    if (!again || !(error instanceof StatementError) || error.sqlstate !== sqlstate.uniqueViolation) throw error;
  }
}
