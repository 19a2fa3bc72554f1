import { defaultBookkeeping, readApplied } from "./bookkeeping.ts";
import { compare, type State } from "./compare.ts";
import { openConnections } from "./connect.ts";
import { readMigrations } from "./folder.ts";
import type { MigrateOptions } from "./options.ts";

export interface MigrationStatus {
  readonly tag: string;
  readonly state: State;
  readonly appliedAt?: Date | undefined;
  /** ms */
  readonly duration?: number | undefined;
  readonly note?: string | undefined;
}

export interface Status {
  readonly migrations: readonly MigrationStatus[];
  /** `attention`: a person has to look; see the states. */
  readonly verdict: "current" | "pending" | "attention";
}

/**
 * How every migration stands: those of the folder in the journal's order, then those that only the database
 * knows. Changes nothing, and waits for nobody.
 */
export async function status(options: MigrateOptions): Promise<Status> {
  const migrations = readMigrations(options.folder);
  const connections = await openConnections(options.target, { signal: options.signal });
  try {
    const standings = compare(
      migrations,
      await readApplied(connections.sql, options.bookkeeping ?? defaultBookkeeping),
    );
    const unsettled = standings.some(
      ({ state, note }) => (state !== "applied" && state !== "pending") || note !== undefined,
    );
    const pending = standings.some(({ state }) => state === "pending");
    return {
      migrations: standings.map(({ tag, state, applied, note }) => ({
        tag,
        state,
        appliedAt: applied?.appliedAt,
        duration: applied?.duration,
        note,
      })),
      verdict: unsettled ? "attention" : pending ? "pending" : "current",
    };
  } finally {
    await connections.end();
  }
}
