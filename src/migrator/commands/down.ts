import { MigrationError } from "../errors.ts";
import { assertNoDrift } from "../history/drift-problems.ts";
import { readHistory } from "../history/history.ts";
import { migrationStates } from "../history/migration-state.ts";
import { type DataLoss, findDataLoss } from "../impact/data-loss.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import type { Report, RunOptions } from "../options.ts";
import { type MigrationRun, readMigrationStates, withMigrationRun } from "../runner/migration-run.ts";
import { takeSteps } from "../runner/steps.ts";
import { assertNewest, assertReversible, type DownSelection, selectForDown } from "./down-selection.ts";
import { up } from "./up.ts";

export interface DownOptions extends RunOptions, DownSelection {
  /** Reports what would be undone and which rows would be lost, and undoes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Called before rows are lost. Without it, nothing that loses rows is undone. */
  readonly confirm?: ((losses: readonly DataLoss[]) => Promise<boolean> | boolean) | undefined;
}

export interface DownReport extends Report {
  /** The rows that were lost, or would be. */
  readonly losses: readonly DataLoss[];
}

/**
 * Undoes applied migrations by their down migrations, the newest first. Each runs in a transaction together with the
 * removal of its record. Nothing is done if one of them has no down migration.
 *
 * @throws {FolderError} if the folder and its journal do not match
 * @throws {ConnectError} if the database cannot be reached
 */
export function down(options: DownOptions): Promise<DownReport> {
  return undo(options, async () => {});
}

/** Undoes the newest migration and applies it again: for a migration that is being written. */
export async function redo(options: RunOptions & Pick<DownOptions, "confirm">): Promise<DownReport> {
  const undone = await undo({ ...options, steps: 1 }, assertReapplicable);
  const newest = undone.results[0]?.tag;
  if (undone.error !== undefined || newest === undefined) return undone;
  const applied = await up({ ...options, to: newest });
  return { ...undone, ...applied, results: [...undone.results, ...applied.results] };
}

/** @param check is called with the selected migrations before anything is undone */
async function undo(
  options: DownOptions,
  check: (run: MigrationRun, selected: readonly Migration[]) => Promise<void>,
): Promise<DownReport> {
  const assertAllowed: MigrationRun["assertAllowed"] = (states, migration) => assertNewest(states, migration, options);
  return withMigrationRun({ ...options, assertAllowed }, async (run) => {
    let selected: Migration[] = [];
    let losses: DataLoss[] = [];
    try {
      selected = selectForDown(await readMigrationStates(run), options);
      if (selected.length === 0) return { results: [], losses };
      await assertReversible(selected);
      await check(run, selected);
      losses = await findDataLoss(run, selected);
      if (options.dryRun) return { results: asKept(selected), losses };
      if (losses.length > 0 && !(await options.confirm?.(losses))) throw unconfirmedError(losses);
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      return { results: asKept(selected), losses, error };
    }
    return { ...(await takeSteps(run, selected, "down")), losses };
  });
}

const asKept = (migrations: readonly Migration[]) => migrations.map(({ tag }) => ({ tag, outcome: "kept" as const }));

/** @throws {MigrationError} if a selected migration could not be applied again */
async function assertReapplicable(run: MigrationRun, selected: readonly Migration[]): Promise<void> {
  const history = await readHistory(run.connections.sql, run.migrationsTable);
  const applied = history.applied.filter(({ when }) => !selected.some((migration) => migration.when === when));
  assertNoDrift(migrationStates(run.migrations, { ...history, applied }));
  for (const { up } of selected) await statementsOf(up);
}

const unconfirmedError = (losses: readonly DataLoss[]) =>
  new MigrationError(
    `Nothing was undone, because rows would be lost:\n${losses.map((loss) => `  - ${describeLoss(loss)}`).join("\n")}\nTo lose them: --yes.`,
  );

/** A loss in words, such as "public.a.note: 3 values". */
export function describeLoss({ table, column, change, rows, unknown }: DataLoss): string {
  const unit = column === undefined ? "row" : "value";
  const amount =
    rows === undefined ? `an unknown number of ${unit}s (${unknown})` : `${rows} ${unit}${rows === 1 ? "" : "s"}`;
  const name = [table, column].filter((part) => part !== undefined).join(".");
  return [name, amount].filter((part) => part !== "").join(": ") + (change === undefined ? "" : ` ${change}`);
}
