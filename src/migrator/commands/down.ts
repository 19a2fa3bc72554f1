import { MigrationError } from "../errors.ts";
import { compare, type MigrationState } from "../history/migration-state.ts";
import { readHistory } from "../history/migrations-table.ts";
import { type DataLoss, findDataLoss } from "../impact/data-loss.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import type { Report, RunOptions } from "../options.ts";
import { readMigrationStates, takeSteps, withMigrationRun } from "../runner/run.ts";
import type { MigrationRun } from "../runner/step.ts";
import { indexOf, refuseDrift, refuseNoCount, up } from "./up.ts";

export interface DownOptions extends RunOptions {
  /** How many to undo, the newest first; 1 unless `to` or `all` says otherwise. */
  readonly steps?: number | undefined;
  /** The migration to go back to: it stays applied. */
  readonly to?: string | undefined;
  readonly all?: boolean | undefined;
  /** Only says what would be undone, and which rows would be lost. */
  readonly dryRun?: boolean | undefined;
  /** Asked before rows are lost; without it nothing that loses rows is undone. */
  readonly confirm?: ((losses: readonly DataLoss[]) => Promise<boolean> | boolean) | undefined;
  /** Undoes although migrations are applied that the folder does not know. */
  readonly allowDrift?: boolean | undefined;
}

export interface DownReport extends Report {
  /** Rows that were, or would be, lost. */
  readonly losses: readonly DataLoss[];
}

/**
 * Undoes what is applied, the newest first, by the down files; each in a transaction of its own together
 * with its line in drizzle-kit's table. Refuses before it touches anything when one has no way back.
 *
 * @throws {FolderError} when the folder is not whole
 * @throws {ConnectError} when the database cannot be reached
 */
export function down(options: DownOptions): Promise<DownReport> {
  return undo(options, async () => {});
}

/** `isReady` is asked before anything is touched. */
async function undo(
  options: DownOptions,
  isReady: (run: MigrationRun, chosen: readonly Migration[]) => Promise<void>,
): Promise<DownReport> {
  const allows: MigrationRun["allows"] = (states, migration) => refuseBelow(states, migration, options);
  return withMigrationRun({ ...options, allows }, async (run) => {
    const states = await readMigrationStates(run);
    const kept = (chosen: readonly Migration[]) => chosen.map(({ tag }) => ({ tag, outcome: "kept" as const }));
    let chosen: Migration[] = [];
    let losses: DataLoss[] = [];
    try {
      chosen = select(states, options);
      if (chosen.length === 0) return { results: [], losses };
      await refuseDeadEnds(chosen);
      await isReady(run, chosen);
      losses = await findDataLoss(run, chosen);
      if (options.dryRun) return { results: kept(chosen), losses };
      if (losses.length > 0 && !(await options.confirm?.(losses))) throw unconfirmed(losses);
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error;
      return { results: kept(chosen), losses, error };
    }
    return { ...(await takeSteps(run, chosen, "down")), losses };
  });
}

/** Undoes the newest migration and applies it again: for whoever is just writing it. */
export async function redo(options: RunOptions & Pick<DownOptions, "confirm">): Promise<DownReport> {
  const undone = await undo({ ...options, steps: 1 }, refuseOneWay);
  const newest = undone.results[0]?.tag;
  if (undone.error !== undefined || newest === undefined) return undone;
  const again = await up({ ...options, to: newest });
  return { ...undone, ...again, results: [...undone.results, ...again.results] };
}

/** @throws {MigrationError} when what is undone could not be applied again */
async function refuseOneWay(run: MigrationRun, chosen: readonly Migration[]): Promise<void> {
  const { applied, unfinished } = await readHistory(run.connections.sql, run.migrationsTable);
  const left = applied.filter(({ when }) => !chosen.some((migration) => migration.when === when));
  refuseDrift(compare(run.migrations, left, unfinished));
  for (const { up } of chosen) await statementsOf(up);
}

/** @throws {MigrationError} when the folder does not know what was applied last, or something later is half done */
function select(states: readonly MigrationState[], options: DownOptions): Migration[] {
  const { steps, to, all } = options;
  refuseNoCount(steps);
  const after = to === undefined ? -1 : indexOf(states, to);
  const applied = states.filter(({ applied }) => applied !== undefined).sort((a, b) => b.when - a.when);
  const chosen = applied
    .filter((migrationState) => migrationState.migration !== undefined && states.indexOf(migrationState) > after)
    .slice(0, all || to !== undefined ? undefined : (steps ?? 1));
  const oldest = chosen.at(-1)?.when ?? Number.POSITIVE_INFINITY;
  refuseUnclear(states, oldest, options);
  return chosen.flatMap(({ migration }) => migration ?? []);
}

/** Others may have been at work while a question was open. @throws {MigrationError} */
function refuseBelow(states: readonly MigrationState[], { tag, when }: Migration, options: DownOptions): void {
  refuseUnclear(states, when, options);
  const later = states.filter((other) => other.when > when && other.applied && other.migration);
  if (later.length === 0) return;
  throw new MigrationError(`${tag} was not undone: ${tagsOf(later)} was applied meanwhile, and is to be undone first.`);
}

/** @throws {MigrationError} when something that is later than `oldest` is applied that nobody here knows, or half done */
function refuseUnclear(states: readonly MigrationState[], oldest: number, { allowDrift }: DownOptions): void {
  const later = states.filter(({ when }) => when > oldest);
  const halfDone = later.filter(({ applied, done }) => applied === undefined && done !== undefined);
  if (halfDone.length > 0) {
    throw new MigrationError(
      `Nothing was undone: ${tagsOf(halfDone)} is later, and half done. Finish it first (\`migrate up\`), and undo it, too.`,
    );
  }
  const unknown = later.filter(({ state }) => state === "unknown");
  if (unknown.length === 0 || allowDrift) return;
  throw new MigrationError(
    `Nothing was undone: ${tagsOf(unknown)} was applied later, and no file here is it. Undo it ` +
      "from the folder that has it, let `migrate repair` remove its record, or go on with --allow-drift.",
  );
}

const tagsOf = (states: readonly MigrationState[]) => states.map(({ tag }) => tag).join(", ");

/** @throws {MigrationError} that names every migration that cannot be undone */
async function refuseDeadEnds(migrations: readonly Migration[]): Promise<void> {
  const reasons: string[] = [];
  for (const { tag, down } of migrations) {
    if (down === undefined) reasons.push(`${tag} has no ${tag}.down.sql`);
    else if (down.irreversible !== undefined) reasons.push(`${tag} cannot be undone: ${down.irreversible}`);
    else if ((await statementsOf(down)).length === 0) reasons.push(`${down.file} is empty`);
  }
  if (reasons.length === 0) return;
  throw new MigrationError(["Nothing was undone:", ...reasons.map((reason) => `  - ${reason}`)].join("\n"));
}

const unconfirmed = (losses: readonly DataLoss[]) =>
  new MigrationError(
    `Nothing was undone, because rows would be lost:\n${losses.map((loss) => `  - ${describeLoss(loss)}`).join("\n")}\nTo lose them: --yes.`,
  );

/** "public.a.note: 3 values", with what becomes of them unless they are gone. */
export function describeLoss({ table, column, change, rows, unknown }: DataLoss): string {
  const what = column === undefined ? "row" : "value";
  const many =
    rows === undefined ? `an unknown number of ${what}s (${unknown})` : `${rows} ${what}${rows === 1 ? "" : "s"}`;
  const name = [table, column].filter((part) => part !== undefined).join(".");
  return [name, many].filter((part) => part !== "").join(": ") + (change === undefined ? "" : ` ${change}`);
}
