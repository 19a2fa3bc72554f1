import { DriftError } from "../errors.ts";
import type { MigrationState } from "./migration-state.ts";

/** Returns every difference between folder and database that `up` refuses without `--allow-drift`, with its remedy. */
export function driftProblems(states: readonly MigrationState[]): string[] {
  return states.flatMap((state) => driftProblemOf(state) ?? []);
}

function driftProblemOf({ tag, state, migration, note, behind }: MigrationState): string | undefined {
  if (state === "edited")
    return `${tag} was edited after it was applied. Restore ${migration?.up.file} and put the change into a new migration. If the edit changes nothing in the database (a comment), run \`migrate repair\`.`;
  if (state === "skipped")
    return `${tag} is older than the newest applied migration, so drizzle-kit would never apply it. To apply it now, run \`migrate up --allow-drift\`. To apply all in order, undo the newer ones first (\`migrate down\`).`;
  if (state === "unknown" && note !== undefined)
    return `${tag} was applied, but ${note}. \`migrate repair\` corrects the record.`;
  if (state === "unknown")
    return `${tag} was applied, but the folder does not contain it: the folder is older than the database, or the file was removed. Use the newer folder, restore the file, or run \`migrate repair\` to remove the record.`;
  if (behind !== undefined)
    return `${tag} is ${note}: once ${behind.tag} is applied, drizzle-kit would never apply ${tag}. Give ${tag} a "when" above ${behind.when} in meta/_journal.json, and likewise every migration after it.`;
  return note === undefined ? undefined : `${tag} is ${note}: \`migrate repair\` removes the second record.`;
}

/** @throws {DriftError} when the folder and the database differ */
export function assertNoDrift(states: readonly MigrationState[]): void {
  const problems = driftProblems(states);
  if (problems.length === 0) return;
  throw new DriftError(
    [
      "Nothing was done, because the database and the migrations folder differ:",
      ...problems.map((problem) => `  - ${problem}`),
      "To migrate in spite of this: --allow-drift.",
    ].join("\n"),
  );
}
