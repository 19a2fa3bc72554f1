import { MigrationError, StatementError } from "../errors.ts";
import { readRows } from "../fixtures/fill-tables.ts";
import {
  type ExcludedTables,
  type FixtureColumns,
  fillChangedTables,
  readFixtureColumns,
  type UnfilledTable,
  unfilledTables,
  withoutExcluded,
} from "../fixtures/fixtures.ts";
import { compareCatalogs, readCatalog } from "../introspection/catalog.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import { execute } from "../runner/execute.ts";
import { type MigrationRun, takeStep } from "../runner/step.ts";
import { findAuditGaps } from "./audit-recorder.ts";
import { readNondeterministicColumns } from "./nondeterministic-columns.ts";
import { missingRows, omitColumns, rowCountProblems, type TableRows } from "./row-comparison.ts";

export interface RoundTrip {
  readonly outcome: "proved" | "irreversible" | "failed";
  readonly reasons: readonly string[];
  readonly empty: readonly UnfilledTable[];
  /** Why not even its up works. */
  readonly stuck?: MigrationError;
  /** What migrations have made by now: the next one need not look again. */
  readonly catalog?: readonly string[];
}

/** What is there at one moment: what migrations have made, and the rows, in columns that were there before. */
interface DatabaseContents {
  readonly catalog: readonly string[];
  readonly rows: TableRows;
}

/** Goes up, down and up again, and looks each time at what is there. */
export async function verifyRoundTrip(
  run: MigrationRun,
  migration: Migration,
  { aside, catalog }: { aside: ExcludedTables } & Pick<RoundTrip, "catalog">,
): Promise<RoundTrip> {
  const columns = await readFixtureColumns(run);
  const before = await look(run, columns, catalog);
  let empty: readonly UnfilledTable[] = [];
  try {
    await takeStep(run, migration, "up");
  } catch (error) {
    return { outcome: "failed", reasons: [asFailure(error).message], empty, stuck: asFailure(error) };
  }
  const after = await look(run, columns);
  const fill = async () => {
    const none = await fillChangedTables(run, {
      now: await readFixtureColumns(run),
      before: withoutExcluded(columns, aside),
    });
    const remedy = `write some into ${migration.tag}.rows.sql`;
    return none.map(({ table, reason }) => ({ table, reason: `none were found (${reason}): ${remedy}` }));
  };
  try {
    await applyRowsScript(run, migration);
    empty = [...unfilledTables(aside), ...referring(before.rows, aside), ...(await fill())];
    const gaps = await findAuditGaps(run);
    if (gaps.length > 0) return { outcome: "failed", reasons: gaps, empty };
    const unproved = await deadEnd(migration);
    if (unproved !== undefined) return { ...unproved, empty };

    const filled = await readRows(run.connections.sql, columns);
    await takeStep(run, migration, "down");
    const undone = await look(run, columns);
    const reasons = afterDown(migration, { before, after, filled, undone });
    if (reasons.length > 0) return { outcome: "failed", reasons, empty };

    await takeStep(run, migration, "up");
    const again = await look(run, columns);
    reasons.push(...(await afterUpAgain(run, migration, { after, again })));
    await applyRowsScript(run, migration, { again: true });
    await fill();
    return { outcome: reasons.length > 0 ? "failed" : "proved", reasons, empty, catalog: again.catalog };
  } catch (error) {
    return { outcome: "failed", reasons: [asFailure(error).message], empty };
  }
}

function asFailure(error: unknown): MigrationError {
  if (!(error instanceof MigrationError)) throw error;
  return error;
}

async function look(
  { connections, migrationsTable }: MigrationRun,
  columns: FixtureColumns,
  catalog?: RoundTrip["catalog"],
): Promise<DatabaseContents> {
  const { sql } = connections;
  return {
    catalog: catalog ?? (await readCatalog(sql, { migrationsTable, owners: true })),
    rows: await readRows(sql, columns),
  };
}

/** The rows that the migration's own `.rows.sql` gives; those that are there already, from the time before its down, may be. */
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
    if (!again || !(error instanceof StatementError) || error.sqlstate !== "23505") throw error;
  }
}

/** Tables that were empty, too, because their rows refer to those that went without. */
function referring(before: TableRows, { tables }: ExcludedTables): UnfilledTable[] {
  const bare = [...before].filter(([table, rows]) => tables.size > 0 && rows.length === 0 && !tables.has(table));
  const others = [...tables.keys()].join(", ");
  return bare.map(([table]) => ({ table, reason: `there were none before its up, as there were none in ${others}` }));
}

/** What cannot be undone, and so not be proved. */
async function deadEnd({ tag, down }: Migration): Promise<Pick<RoundTrip, "outcome" | "reasons"> | undefined> {
  if (down === undefined) return { outcome: "failed", reasons: [`it has no ${tag}.down.sql`] };
  if (down.irreversible !== undefined) return { outcome: "irreversible", reasons: [down.irreversible] };
  if ((await statementsOf(down)).length > 0) return undefined;
  return { outcome: "failed", reasons: [`${down.file} is empty: nothing is undone`] };
}

function afterDown(
  migration: Migration,
  {
    before,
    after,
    filled,
    undone,
  }: { before: DatabaseContents; after: DatabaseContents; filled: TableRows; undone: DatabaseContents },
): string[] {
  const when = "after its down";
  const reasons = [
    ...differences(when, before.catalog, undone.catalog),
    ...missingRows(when, before.rows, undone.rows),
  ];
  if (reasons.length > 0) return reasons;
  return rowCountProblems(migration, { before: before.rows, after: after.rows, filled, undone: undone.rows });
}

async function afterUpAgain(
  { connections }: MigrationRun,
  { up }: Migration,
  { after, again }: { after: DatabaseContents; again: DatabaseContents },
): Promise<string[]> {
  const when = "after up, down and up";
  const changed = differences(when, after.catalog, again.catalog);
  if (missingRows(when, after.rows, again.rows).length === 0) return changed;
  const moving = await readNondeterministicColumns(connections.sql, up);
  return [...changed, ...missingRows(when, omitColumns(after.rows, moving), omitColumns(again.rows, moving))];
}

function differences(when: string, before: readonly string[], after: readonly string[]): string[] {
  const { missing, extra } = compareCatalogs(before, after);
  return [
    ...missing.map((line) => `${when} this is missing: ${line}`),
    ...extra.map((line) => `${when} this is left over: ${line}`),
  ];
}
