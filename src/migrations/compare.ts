import type { Applied, Books } from "./bookkeeping.ts";
import { isHashOf, type Migration } from "./folder.ts";

/**
 * How a migration stands: applied as the file says; not applied yet; edited since it was applied; skipped,
 * because it is older than the newest applied one, so that drizzle-kit would never apply it; unknown,
 * applied but not in the folder.
 */
export type State = "applied" | "pending" | "edited" | "skipped" | "unknown";

export interface Standing {
  /** Of an unknown migration, what is known of it. */
  readonly tag: string;
  readonly when: number;
  readonly state: State;
  readonly migration: Migration | undefined;
  readonly applied: Applied | undefined;
  /** Statements that are done of its up, or of the down of an applied one, when it is not finished. */
  readonly done?: number | undefined;
  /** What a person should know. */
  readonly note?: string | undefined;
}

/** Holds the folder against the database: every migration in the journal's order, then the unknown ones. */
export function compare(
  migrations: readonly Migration[],
  applied: readonly Applied[],
  unfinished: Books["unfinished"] = new Map(),
): Standing[] {
  const records = new Map(applied.map((record) => [record.when, record]));
  const newest = Math.max(-1, ...records.keys());
  const twice = new Set(applied.filter((record) => records.get(record.when) !== record).map(({ when }) => when));

  const known = migrations.map((migration): Standing => {
    const record = records.get(migration.when);
    const state = stateOf(migration, record, newest);
    const note = twice.has(migration.when) ? "recorded more than once" : undefined;
    const { tag, when } = migration;
    return { tag, when, state, migration, applied: record, done: unfinished.get(when), note };
  });
  const whens = new Set(migrations.map(({ when }) => when));
  const unknown = [...records.values()]
    .filter(({ when }) => !whens.has(when))
    .map((record): Standing => {
      const moved = known.find(
        ({ migration, applied }) => applied === undefined && migration && isHashOf(migration, record.hash),
      );
      const note = moved && `has the content of ${moved.tag}: its "when" in the journal has changed`;
      return {
        tag: unknownName(record.when),
        when: record.when,
        state: "unknown",
        migration: undefined,
        applied: record,
        note,
      };
    });
  return [...known, ...unknown];
}

function stateOf(migration: Migration, record: Applied | undefined, newest: number): State {
  if (record === undefined) return migration.when < newest ? "skipped" : "pending";
  return isHashOf(migration, record.hash) ? "applied" : "edited";
}

/** What `up` must not go past without a person's word, each with its remedy. */
export function troubles(standings: readonly Standing[]): string[] {
  return standings.flatMap(({ tag, state, migration, note }) => {
    if (state === "edited")
      return `${tag} was edited since it was applied. Restore ${migration?.up.file} and put the change into a new migration; or, if it changes nothing (a comment), run \`migrate repair\`.`;
    if (state === "skipped")
      return `${tag} is older than the newest applied migration: drizzle-kit would never apply it. If it may run after those, \`migrate up --allow-drift\` applies it now; else undo them (\`migrate down\`) and apply all in order.`;
    if (state === "unknown")
      return `${tag} was applied, but ${note ?? "no file here is it: this folder is older than the database, or the file was removed"}. ${note ? "`migrate repair` mends the record." : "Use the newer folder, bring the file back, or run `migrate repair` to forget it."}`;
    return note === undefined ? [] : `${tag} is ${note}: \`migrate repair\` removes the second record.`;
  });
}

/** What a migration is called that only the books know. */
export const unknownName = (when: number) => `(recorded ${new Date(when).toISOString()})`;
