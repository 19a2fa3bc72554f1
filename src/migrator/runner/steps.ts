import { MigrationError } from "../errors.ts";
import type { Migration } from "../journal/folder.ts";
import type { Direction, Outcome, Report } from "../options.ts";
import { describeState, explainFailure } from "./failure.ts";
import { type MigrationRun, readMigrationStates } from "./migration-run.ts";
import { takeStep } from "./step.ts";

/** Applies or undoes migrations one by one. The first failure ends the run; the report has its error. */
export async function takeSteps(
  run: MigrationRun,
  migrations: readonly Migration[],
  direction: Direction,
): Promise<Report> {
  const results: Outcome[] = [];
  for (const migration of migrations) {
    const { tag } = migration;
    const started = performance.now();
    const elapsed = () => Math.round(performance.now() - started);
    try {
      run.signal?.throwIfAborted();
      results.push(await takeStep(run, migration, direction));
    } catch (error) {
      if (direction === "up" && (await isAppliedByAnother(run, migration, error))) {
        results.push({ tag, outcome: "applied elsewhere", duration: elapsed() });
        continue;
      }
      const explained = explainFailure(error, run);
      const duration = elapsed();
      run.onEvent({ type: "done", tag, outcome: "failed", ms: duration, error: explained });
      results.push({ tag, outcome: "failed", duration, ...run.noticesOf(tag) });
      const state = await describeState(() => readMigrationStates(run), { migration, direction, error });
      return {
        results: [...results, ...notTaken(migrations.slice(results.length), direction)],
        error: explained.leaving(state),
      };
    }
  }
  return { results };
}

const notTaken = (migrations: readonly Migration[], direction: Direction): Outcome[] =>
  migrations.map(({ tag }) => ({ tag, outcome: direction === "up" ? "pending" : "kept" }));

/** Whether the failure is that of a race: `drizzle-kit migrate` does not use the migrator lock, and may be faster. */
async function isAppliedByAnother(run: MigrationRun, { when }: Migration, error: unknown): Promise<boolean> {
  if (error instanceof MigrationError && error.cause === undefined) return false;
  const states = await readMigrationStates(run).catch(() => []);
  return states.some((state) => state.when === when && state.applied !== undefined);
}
