import type { MigrationError } from "./errors.ts";
import type { MigrationsTable } from "./history/table-names.ts";
import type { Target } from "./runner/connections.ts";

/** Options that every command of the migrator accepts. */
export interface MigrateOptions {
  readonly target: Target;
  /** The migrations folder, as drizzle-kit writes it; the folder of this package by default. */
  readonly folder?: string | undefined;
  readonly migrationsTable?: MigrationsTable | undefined;
  readonly onEvent?: ((event: MigrateEvent) => void) | undefined;
  /** Cancels the running statement; its transaction is rolled back. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunOptions extends MigrateOptions {
  /** Maximum total wait for another migrator or for table locks (ms, default 600000). */
  readonly lockWait?: number | undefined;
  /** Maximum wait of one statement for a table lock before its transaction is rolled back and retried (ms, default 2000). */
  readonly lockTimeout?: number | undefined;
}

/** Progress of a command, reported while it runs. */
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
      /** The error of a failed migration. */
      readonly error?: MigrationError | undefined;
    }
  /** The migration has run for `ms` and waits for a lock; `behind` describes the sessions that block it. */
  | { readonly type: "waiting"; readonly tag: string; readonly ms: number; readonly behind: readonly string[] }
  /** A lock was not available within `lockTimeout`; the transaction is rolled back and will be retried. */
  | { readonly type: "retry"; readonly tag: string; readonly attempt: number; readonly reason: string }
  | { readonly type: "progress"; readonly tag: string; readonly ms: number; readonly phase?: string | undefined }
  /** A server notice; `tag` is the running migration, absent between migrations. */
  | ({ readonly type: "notice"; readonly tag?: string | undefined } & Notice)
  | { readonly type: "warning"; readonly message: string };

/** A server message that is not an error, such as one from RAISE NOTICE or RAISE WARNING. */
export interface Notice {
  /** PostgreSQL's severity: NOTICE, WARNING, INFO, LOG or DEBUG. */
  readonly severity: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

export type Direction = "up" | "down";

/** The result of one migration. */
export interface Outcome {
  readonly tag: string;
  /**
   * `applied elsewhere`: another migrator applied it first; `kept`: it was to be undone and is still applied;
   * `recorded`: `baseline` inserted its row into the migrations table.
   */
  readonly outcome: "applied" | "applied elsewhere" | "reverted" | "pending" | "kept" | "recorded" | "failed";
  /** Run time (ms). */
  readonly duration?: number | undefined;
  /** The first 100 server notices of the migration; absent when there are none. */
  readonly notices?: readonly Notice[];
}

/** The result of a command. */
export interface Report {
  readonly results: readonly Outcome[];
  /** The error that ended the command early. */
  readonly error?: MigrationError | undefined;
}
