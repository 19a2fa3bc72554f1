import type { MigrationError } from "./errors.ts";
import type { MigrationsTable } from "./history/table-names.ts";
import type { Target } from "./runner/connections.ts";

/** What every command takes. */
export interface MigrateOptions {
  readonly target: Target;
  /** The folder that drizzle-kit writes; this package's own unless told otherwise. */
  readonly folder?: string | undefined;
  readonly migrationsTable?: MigrationsTable | undefined;
  readonly onEvent?: ((event: MigrateEvent) => void) | undefined;
  /** Stops what is running and rolls it back. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunOptions extends MigrateOptions {
  /** Longest wait for another migrator, or for tables that others hold (ms, 10 minutes). */
  readonly lockWait?: number | undefined;
  /** Longest that a statement stands in the queue for a table before it makes room and tries again (ms, 2000). */
  readonly lockTimeout?: number | undefined;
}

/** What is happening, as it happens. */
export type MigrateEvent =
  | { readonly type: "start"; readonly tag: string; readonly direction: Direction; readonly statements: number }
  | {
      readonly type: "statement";
      readonly tag: string;
      readonly number: number;
      readonly of: number;
      readonly ms: number;
    }
  | {
      readonly type: "done";
      readonly tag: string;
      readonly outcome: Outcome["outcome"];
      readonly ms: number;
      /** Why it failed. */
      readonly error?: MigrationError | undefined;
    }
  /** Waiting for a lock, since so many ms, behind these sessions. */
  | { readonly type: "waiting"; readonly tag: string; readonly ms: number; readonly behind: readonly string[] }
  /** The table was not free within `lockTimeout`; everything was given back, to be tried again. */
  | { readonly type: "retry"; readonly tag: string; readonly attempt: number; readonly reason: string }
  | { readonly type: "progress"; readonly tag: string; readonly ms: number; readonly phase?: string | undefined }
  /** The server has something to say; `tag` is the migration that runs. */
  | ({ readonly type: "notice"; readonly tag?: string | undefined } & Notice)
  | { readonly type: "warning"; readonly message: string };

/** A message of the server's that is no error, such as what RAISE NOTICE and RAISE WARNING say. */
export interface Notice {
  /** As PostgreSQL calls it: NOTICE, WARNING, INFO, LOG or DEBUG. */
  readonly severity: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

export type Direction = "up" | "down";

/** What became of one migration. */
export interface Outcome {
  readonly tag: string;
  /** `applied elsewhere`: another migrator was faster; `kept`: it was to be undone, and was not;
   * `recorded`: found there, and written into the books. */
  readonly outcome: "applied" | "applied elsewhere" | "reverted" | "pending" | "kept" | "recorded" | "failed";
  /** ms */
  readonly duration?: number | undefined;
  /** What the server said meanwhile, the first 100; absent when it said nothing. */
  readonly notices?: readonly Notice[];
}

/** What a command did. */
export interface Report {
  readonly results: readonly Outcome[];
  /** Why it ended early. */
  readonly error?: MigrationError | undefined;
}
