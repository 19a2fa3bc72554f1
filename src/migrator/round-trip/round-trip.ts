import { MigrationError } from "../errors.ts";
import { describeExcluded, type ExcludedTables, type UnfilledTable } from "../fixtures/excluded-tables.ts";
import { readRows } from "../fixtures/fill-tables.ts";
import { type FixtureColumns, fillChangedTables, readFixtureColumns, withoutExcluded } from "../fixtures/fixtures.ts";
import { compareCatalogs, readCatalog } from "../introspection/catalog.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import type { MigrationRun } from "../runner/migration-run.ts";
import { takeStep } from "../runner/step.ts";
import { findAuditGaps } from "./audit-recorder.ts";
import { readNondeterministicColumns } from "./nondeterministic-columns.ts";
import { missingRows, omitColumns, rowCountProblems, type TableRows } from "./row-comparison.ts";
import { applyRowsScript } from "./rows-script.ts";

/** What applying a migration, undoing it and applying it again has shown. */
export interface RoundTrip {
  readonly outcome: "verified" | "irreversible" | "failed";
  readonly reasons: readonly string[];
  readonly empty: readonly UnfilledTable[];
  /** Why the up script failed the first time. */
  readonly upError?: MigrationError;
  /** The catalog at the end, which saves the next migration from reading it. */
  readonly catalog?: readonly string[] | undefined;
}

/** The catalog and the rows at one moment; the rows with the columns that existed before the migration. */
interface DatabaseContents {
  readonly catalog: readonly string[];
  readonly rows: TableRows;
}

/**
 * Applies a migration, undoes it and applies it again, and compares catalog and rows after each step.
 *
 * @param options.catalog the catalog before the migration, where it is known
 */
export async function verifyRoundTrip(
  run: MigrationRun,
  migration: Migration,
  options: { excluded: ExcludedTables } & Pick<RoundTrip, "catalog">,
): Promise<RoundTrip> {
  const columns = await readFixtureColumns(run);
  const before = await readContents(run, columns, options.catalog);
  const upError = await errorOf(() => takeStep(run, migration, "up"));
  if (upError !== undefined) return { outcome: "failed", reasons: [upError.message], empty: [], upError };

  const empty: UnfilledTable[] = [];
  let found: Omit<RoundTrip, "empty"> | undefined;
  const error = await errorOf(async () => {
    const after = await readContents(run, columns);
    await applyRowsScript(run, migration);
    empty.push(...describeExcluded(options.excluded), ...emptyDependents(before.rows, options.excluded));
    empty.push(...(await fillNewColumns(run, migration, withoutExcluded(columns, options.excluded))));

    found = await checkBeforeDown(run, migration);
    if (found !== undefined) return;

    const filled = await readRows(run.connections.sql, columns);
    await takeStep(run, migration, "down");
    const reverted = await readContents(run, columns);
    const reasons = problemsAfterDown(migration, { before, after, filled, reverted });
    if (reasons.length > 0) {
      found = { outcome: "failed", reasons };
      return;
    }

    await takeStep(run, migration, "up");
    const again = await readContents(run, columns);
    const changed = await problemsAfterSecondUp(run, migration, { after, again });
    await applyRowsScript(run, migration, { again: true });
    await fillNewColumns(run, migration, withoutExcluded(columns, options.excluded));
    found = { outcome: changed.length > 0 ? "failed" : "verified", reasons: changed, catalog: again.catalog };
  });
  return { ...(found ?? { outcome: "failed", reasons: [error?.message ?? ""] }), empty };
}

/** Returns the MigrationError that `work` throws. Other errors are thrown. */
async function errorOf(work: () => Promise<unknown>): Promise<MigrationError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return error;
  }
}

async function readContents(
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

/** Fills the tables whose columns the migration has changed. */
async function fillNewColumns(run: MigrationRun, { tag }: Migration, before: FixtureColumns): Promise<UnfilledTable[]> {
  const unfilled = await fillChangedTables(run, { now: await readFixtureColumns(run), before });
  return unfilled.map(({ table, reason }) => ({
    table,
    reason: `no valid row was found (${reason}): write rows into ${tag}.rows.sql`,
  }));
}

/** Tables that are empty as well, because their rows refer to excluded tables. */
function emptyDependents(before: TableRows, { tables }: ExcludedTables): UnfilledTable[] {
  if (tables.size === 0) return [];
  const excluded = [...tables.keys()].join(", ");
  return [...before]
    .filter(([table, rows]) => rows.length === 0 && !tables.has(table))
    .map(([table]) => ({ table, reason: `it was empty before the up, as there were no rows in ${excluded}` }));
}

/** Returns a result when there is no down migration to apply, or the audit trail has gaps. */
async function checkBeforeDown(
  run: MigrationRun,
  { tag, down }: Migration,
): Promise<Omit<RoundTrip, "empty"> | undefined> {
  const gaps = await findAuditGaps(run);
  if (gaps.length > 0) return { outcome: "failed", reasons: gaps };
  if (down === undefined) return { outcome: "failed", reasons: [`it has no ${tag}.down.sql`] };
  if (down.irreversible !== undefined) return { outcome: "irreversible", reasons: [down.irreversible] };
  if ((await statementsOf(down)).length > 0) return undefined;
  return { outcome: "failed", reasons: [`${down.file} is empty: it undoes nothing`] };
}

function problemsAfterDown(
  migration: Migration,
  contents: { before: DatabaseContents; after: DatabaseContents; filled: TableRows; reverted: DatabaseContents },
): string[] {
  const { before, after, filled, reverted } = contents;
  const when = "after its down";
  const problems = [
    ...catalogProblems(when, before.catalog, reverted.catalog),
    ...missingRows(when, before.rows, reverted.rows),
  ];
  if (problems.length > 0) return problems;
  return rowCountProblems(migration, { before: before.rows, after: after.rows, filled, reverted: reverted.rows });
}

/** Nondeterministic columns are omitted from the comparison only when the rows differ with them. */
async function problemsAfterSecondUp(
  { connections }: MigrationRun,
  { up }: Migration,
  { after, again }: { after: DatabaseContents; again: DatabaseContents },
): Promise<string[]> {
  const when = "after up, down and up";
  const problems = catalogProblems(when, after.catalog, again.catalog);
  if (missingRows(when, after.rows, again.rows).length === 0) return problems;
  const omitted = await readNondeterministicColumns(connections.sql, up);
  return [...problems, ...missingRows(when, omitColumns(after.rows, omitted), omitColumns(again.rows, omitted))];
}

function catalogProblems(when: string, before: readonly string[], after: readonly string[]): string[] {
  const { missing, extra } = compareCatalogs(before, after);
  return [
    ...missing.map((line) => `${when} this is missing: ${line}`),
    ...extra.map((line) => `${when} this is left over: ${line}`),
  ];
}
