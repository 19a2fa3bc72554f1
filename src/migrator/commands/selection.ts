import { MigrationError } from "../errors.ts";
import type { MigrationState } from "../history/migration-state.ts";

/** The index of a migration of the folder. @throws {MigrationError} if the folder has none of this tag */
export function indexOfTag(states: readonly MigrationState[], tag: string): number {
  const index = states.findIndex((state) => state.tag === tag && state.migration !== undefined);
  if (index !== -1) return index;
  const tags = states.flatMap(({ migration }) => migration?.tag ?? []);
  throw new MigrationError(`There is no migration ${tag}; there are: ${tags.join(", ")}.`);
}

/** @throws {MigrationError} if `steps` is not a whole number from 0 */
export function assertStepCount(steps: number | undefined): void {
  if (steps === undefined || (Number.isInteger(steps) && steps >= 0)) return;
  throw new MigrationError(`steps must be a whole number from 0 on, and not ${steps}.`);
}
