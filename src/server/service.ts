import { sql } from "drizzle-orm";
import type { Config } from "../config/index.ts";
import { ConnectError, codeOf, connect, sqlstate } from "../database/index.ts";
import { type EmbeddedServer, startEmbedded } from "../embedded/index.ts";
import { createTokens, signingSecret } from "../identity/index.ts";
import { startJobs } from "../jobs/index.ts";
import { DriftError, logEvents, pendingMigrations, type Target, up } from "../migrator/index.ts";
import type { Log } from "../observability/index.ts";
import { createRepositories } from "../repositories/index.ts";
import { version } from "../version.ts";
import { createHttpServer } from "./http-server.ts";

const bookkeepingRights =
  "The database does not let this role see which migrations are applied. As the role that migrates, run: " +
  "grant usage on schema drizzle to <role>; grant select on drizzle.__drizzle_migrations to <role>;";

/** A running service. */
export interface Service {
  /** Where tRPC answers. */
  readonly url: string;
  /** The embedded server, where there is one. */
  readonly embedded: EmbeddedServer | undefined;
  /** What the database says that it is. */
  readonly databaseVersion: string;
  /** Lets running requests finish for `shutdownTimeout` ms, then closes everything, last the embedded server. */
  close(): Promise<void>;
}

/**
 * Starts the whole service. Migrations are applied on the embedded server, or when asked; elsewhere that
 * is the operator's step, and `/readyz` says what is pending.
 *
 * @param options.migrate applies pending migrations first; any number of services may start so at once
 * @param options.onLost called when the embedded server died for good
 * @param options.signal gives the start up; what was started is closed again
 * @throws {ConnectError} when the database cannot be reached
 */
export async function createService(options: {
  config: Config;
  log: Log;
  migrate?: boolean;
  onLost?: (error: Error) => void;
  signal?: AbortSignal;
}): Promise<Service> {
  const { config, log, migrate = false, onLost, signal } = options;
  // Undone in reverse, by close() and by a start that fails half-way.
  const closers: (() => void | Promise<void>)[] = [];
  let stopBy = 0;
  const close = async () => {
    stopBy = Date.now() + config.http.shutdownTimeout;
    for (const closer of closers.splice(0).reverse()) await closer();
  };

  try {
    let embedded: EmbeddedServer | undefined;
    let { url } = config.database;
    if (url === undefined) {
      embedded = await startEmbedded({ folder: config.dataDirectory, log, ...(onLost && { onLost }) });
      closers.push(embedded.stop);
      ({ url } = embedded);
    }

    signal?.throwIfAborted();
    if (embedded !== undefined || migrate) await applyMigrations({ ...config.database, url }, { log, signal });

    signal?.throwIfAborted();
    const database = await connect({ ...config.database, url }, { log, signal });
    // What no request waits for has the rest of the time.
    closers.push(() => database.close(Math.max(0, stopBy - Date.now())));
    const pending = await pendingMigrations(database.db).catch((error: unknown) => {
      throw codeOf(error) === sqlstate.insufficientPrivilege ? new ConnectError(bookkeepingRights, error) : error;
    });
    if (pending.length > 0) log.warn({ pending }, "not ready: migrations are pending; run `aeturnis-data migrate up`");

    signal?.throwIfAborted();
    closers.push(startJobs({ db: database.db, log }).stop);

    const secret = signingSecret(config);
    const parts = {
      ...createRepositories(database.db, { secret, scanLimit: config.scanLimit }),
      database,
      log,
      version,
      requestTimeout: config.http.requestTimeout,
    };
    const http = await createHttpServer({ config, parts, tokens: createTokens(secret) });
    closers.push(() => http.close());
    const address = await http.listen({ host: config.http.host, port: config.http.port });
    log.info({ url: `${address}/trpc`, version }, "listening");
    const [server] = await database.db.execute(sql`select current_setting('server_version') as version`);
    return { url: `${address}/trpc`, embedded, databaseVersion: String(server?.["version"]), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * A database that is newer than this version (a deployment that was taken back) is no reason not to start, as
 * long as nothing is pending; the log says it.
 *
 * @throws {MigrationError}
 */
async function applyMigrations(
  target: Target,
  { log, signal }: { log: Log; signal: AbortSignal | undefined },
): Promise<void> {
  const { results, error } = await up({ target, signal, onEvent: logEvents(log) });
  if (error === undefined) return;
  if (!(error instanceof DriftError) || results.length > 0) throw error;
  log.warn({ reason: error.message }, "migrations need a person");
}
