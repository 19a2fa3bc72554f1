import { faultsOfDatabaseUrl, sslModeOf } from "../../config/index.ts";
import type { MigrateOptions, MigrationsTable, Target } from "../../migrator/index.ts";
import { UsageError } from "../failure.ts";
import { withInterrupt } from "../interrupt.ts";
import { withTarget } from "../target.ts";
import { createReporter } from "./report.ts";

/** Parsed options that the `migrate` commands share. */
export interface CommonFlags {
  readonly folder?: string;
  readonly table: string;
  readonly json?: boolean;
}

/** Runs a command against the configured database. Reports its events, and aborts its signal on Ctrl-C. */
export async function withSession(flags: CommonFlags, work: (options: MigrateOptions) => Promise<void>): Promise<void> {
  const reporter = createReporter({ json: flags.json === true });
  try {
    await withInterrupt((signal) =>
      withTarget((target) =>
        work({
          target,
          folder: flags.folder,
          migrationsTable: migrationsTable(flags.table),
          onEvent: reporter.onEvent,
          signal,
        }),
      ),
    );
  } finally {
    reporter.end();
  }
}

/**
 * Returns the server that `--scratch` names. The URL may contain a password, so that error messages do not repeat it.
 *
 * @throws {UsageError} when the URL is invalid
 */
export function scratchServer(database: Target, url: string | undefined): Target | undefined {
  if (url === undefined) return undefined;
  const faults = faultsOfDatabaseUrl(url);
  if (faults.length > 0) throw new UsageError(faults.map((fault) => `--scratch ${fault}`).join("\n"));
  return { ...database, url, ssl: sslModeOf(url) ?? database.ssl, setting: "--scratch" };
}

function migrationsTable(name: string): MigrationsTable {
  const [schema, table, ...more] = name.split(".");
  if (!schema || !table || more.length > 0)
    throw new UsageError("--table must be a schema and a table: drizzle.__drizzle_migrations");
  return { schema, table };
}
