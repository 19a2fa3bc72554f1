import { MigrationError } from "../errors.ts";
import type { MigrationState } from "../history/migration-state.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import { assertStepCount, indexOfTag } from "./selection.ts";

export interface DownSelection {
  /** Number of migrations to undo, the newest first. Default: 1, unless `to` or `all` is given. */
  readonly steps?: number | undefined;
  /** The migration to return to: it stays applied. */
  readonly to?: string | undefined;
  readonly all?: boolean | undefined;
  /** Undoes although later migrations are applied that the folder does not have. */
  readonly allowDrift?: boolean | undefined;
}

/**
 * The migrations to undo, the newest first.
 *
 * @throws {MigrationError} if a later migration is unknown or half done
 */
export function selectForDown(states: readonly MigrationState[], options: DownSelection): Migration[] {
  const { steps, to, all } = options;
  assertStepCount(steps);
  const after = to === undefined ? -1 : indexOfTag(states, to);
  const applied = states.filter(({ applied }) => applied !== undefined).sort((a, b) => b.when - a.when);
  const selected = applied
    .filter((state) => state.migration !== undefined && states.indexOf(state) > after)
    .slice(0, all || to !== undefined ? undefined : (steps ?? 1));
  const oldest = selected.at(-1)?.when ?? Number.POSITIVE_INFINITY;
  assertLaterAreKnown(states, oldest, options);
  return selected.flatMap(({ migration }) => migration ?? []);
}

/**
 * Checks one step again while the migrator lock is held: another migrator may have run since the selection.
 *
 * @throws {MigrationError} if a later migration is applied
 */
export function assertNewest(
  states: readonly MigrationState[],
  { tag, when }: Migration,
  options: Pick<DownSelection, "allowDrift">,
): void {
  assertLaterAreKnown(states, when, options);
  const later = states.filter((other) => other.when > when && other.applied && other.migration);
  if (later.length === 0) return;
  throw new MigrationError(`${tag} was not undone: ${tagsOf(later)} has been applied since. Undo it first.`);
}

/** @throws {MigrationError} if a migration later than `oldest` is half done, or is applied and not in the folder */
function assertLaterAreKnown(
  states: readonly MigrationState[],
  oldest: number,
  { allowDrift }: Pick<DownSelection, "allowDrift">,
): void {
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
    `Nothing was undone: ${tagsOf(unknown)} was applied later, and the folder does not contain it. Undo it with the ` +
      "folder that contains it, remove its record with `migrate repair`, or use --allow-drift.",
  );
}

const tagsOf = (states: readonly MigrationState[]) => states.map(({ tag }) => tag).join(", ");

/** @throws {MigrationError} that names every migration that cannot be undone */
export async function assertReversible(migrations: readonly Migration[]): Promise<void> {
  const reasons: string[] = [];
  for (const { tag, down } of migrations) {
    if (down === undefined) reasons.push(`${tag} has no ${tag}.down.sql`);
    else if (down.irreversible !== undefined) reasons.push(`${tag} cannot be undone: ${down.irreversible}`);
    else if ((await statementsOf(down)).length === 0) reasons.push(`${down.file} is empty`);
  }
  if (reasons.length === 0) return;
  throw new MigrationError(["Nothing was undone:", ...reasons.map((reason) => `  - ${reason}`)].join("\n"));
}
