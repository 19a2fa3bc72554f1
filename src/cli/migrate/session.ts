import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { faultOfDatabaseUrl } from "../../config.ts";
import { sslModeOf } from "../../database-url.ts";
import type { Bookkeeping } from "../../migrations/bookkeeping.ts";
import type { Target } from "../../migrations/connect.ts";
import type { MigrateOptions } from "../../migrations/options.ts";
import { readDatabaseConfig } from "../environment.ts";
import { UsageError } from "../fail.ts";
import { createReporter } from "./report.ts";

/** Options of every `migrate` command, as they are parsed. */
export interface CommonFlags {
  readonly folder?: string;
  readonly table: string;
  readonly json?: boolean;
}

/** Runs a command against the configured database, with its events reported and Ctrl-C heard. */
export async function withSession(flags: CommonFlags, work: (options: MigrateOptions) => Promise<void>): Promise<void> {
  const stopping = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    // A second one is impatient: PostgreSQL rolls back by itself.
    if (stopping.signal.aborted) process.exit(130);
    process.exitCode = signal === "SIGINT" ? 130 : 143;
    stopping.abort();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const reporter = createReporter({ json: flags.json === true });
  try {
    await withTarget(async (target) =>
      work({
        target,
        folder: flags.folder,
        bookkeeping: bookkeeping(flags.table),
        onEvent: reporter.onEvent,
        signal: stopping.signal,
      }),
    );
  } finally {
    reporter.end();
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

/** The server that `--scratch` names, if it does. Its password may be in it: it is checked, and never printed. */
export function scratchServer(database: Target, url: string | undefined): Target | undefined {
  if (url === undefined) return undefined;
  const fault = faultOfDatabaseUrl(url);
  if (fault !== undefined) throw new UsageError(`--scratch ${fault}`);
  return { ...database, url, ssl: sslModeOf(url) ?? database.ssl, setting: "--scratch" };
}

function bookkeeping(name: string): Bookkeeping {
  const [schema, table, ...more] = name.split(".");
  if (!schema || !table || more.length > 0)
    throw new UsageError("--table must be a schema and a table: drizzle.__drizzle_migrations");
  return { schema, table };
}

/** The database at DATABASE_URL; without one the embedded server: the one that runs, or one started for the moment. */
async function withTarget(work: (target: Target) => Promise<void>): Promise<void> {
  const { database, dataDirectory } = readDatabaseConfig();
  if (database.url !== undefined) return work({ url: database.url, ssl: database.ssl, caFile: database.caFile });

  const [{ startEmbedded }, { DataInUse }, { createLog }] = await Promise.all([
    import("../../database/embedded/server.ts"),
    import("../../database/embedded/errors.ts"),
    import("../../log.ts"),
  ]);
  const server = await startEmbedded({ folder: dataDirectory, log: createLog({ level: "silent" }) }).catch(
    (error: unknown) => {
      const address = join(dataDirectory, "url");
      if (error instanceof DataInUse && existsSync(address))
        return { url: readFileSync(address, "utf8").trim(), stop: async () => {} };
      throw error;
    },
  );
  try {
    await work({ url: server.url });
  } finally {
    await server.stop();
  }
}
