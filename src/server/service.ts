import { setTimeout as pause } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { Registry } from "prom-client";
import {
  AuditTails,
  configuredSigners,
  createEventRecorder,
  requireSigner,
  startCheckpointWriter,
  startSequencer,
} from "../audit/index.ts";
import type { Config, DatabaseConfig } from "../config/index.ts";
import { ConnectError, connect, type Database } from "../database/index.ts";
import { withDeadline } from "../deadline.ts";
import { type EmbeddedServer, startEmbedded } from "../embedded/index.ts";
import {
  configuredKeys,
  createAuthenticationLog,
  createIdentity,
  createPasswords,
  createSecretCipher,
  deriveKeys,
  requireEncryptionKeys,
  signingSecrets,
} from "../identity/index.ts";
import { startJobs } from "../jobs/index.ts";
import { checkReadiness, DriftError, logEvents, pendingMigrations, type Target, up } from "../migrator/index.ts";
import { createCallMetrics, createLog, type Log, noCallMetrics } from "../observability/index.ts";
import { version } from "../package.ts";
import { type GrantOptions, grantServiceRole, powerOfLogin, requireServicePrivileges } from "../privileges/index.ts";
import { createRepositories } from "../repositories/index.ts";
import { createRequestDeadline } from "../routers/index.ts";
import { createAdminServer } from "./admin-server.ts";
import { createHttpServer } from "./http-server.ts";
import { addServiceMetrics } from "./metrics.ts";

/** The role that the service assumes on the embedded server, whose login is a superuser. */
const embeddedRole = "aeturnis_service";

/** A running service. */
export interface Service {
  /** The URL of tRPC. */
  readonly url: string;
  /** The URL of the metrics; undefined without ADMIN_PORT. */
  readonly metricsUrl: string | undefined;
  /** The embedded server; undefined with `DATABASE_URL`. */
  readonly embedded: EmbeddedServer | undefined;
  /** PostgreSQL's `server_version`. */
  readonly databaseVersion: string;
  /**
   * Says that the service is not ready, and takes requests for `shutdownDelay` ms more. Lets running requests finish within
   * `shutdownTimeout` ms, then closes everything, the embedded server last.
   *
   * @param options.urgent without the delay
   */
  close(options?: { readonly urgent?: boolean }): Promise<void>;
}

/**
 * Starts the service. Migrations are applied on the embedded server, and elsewhere if `migrate` is set; otherwise
 * `/readyz` lists the pending ones.
 *
 * @param options.migrate applies pending migrations first; several services may start this way at once
 * @param options.onLost called when the embedded server has stopped and cannot be restarted
 * @param options.signal cancels the start, and closes what was started
 * @throws {ConnectError} if the database cannot be reached
 * @throws {MigrationError} if a migration fails
 * @throws {MissingEncryptionKeyError} if rows need a key that the configuration does not have
 * @throws {LogForkError} if AUDIT_SIGNING_KEY is not the key of the log of the audit trail
 * @throws {CheckpointFileError} if AUDIT_CHECKPOINT_FILE cannot be read and written
 */
export async function createService(options: {
  config: Config;
  log: Log;
  migrate?: boolean;
  onLost?: (error: Error) => void;
  signal?: AbortSignal;
}): Promise<Service> {
  const { config, log, migrate = false, onLost, signal } = options;
  // Run in reverse order by close(), and by a start that fails.
  const closers: (() => void | Promise<void>)[] = [];
  const stopping = new AbortController();
  let isListening = false;
  let stopBy = 0;
  const close = async ({ urgent = false } = {}) => {
    stopping.abort();
    const delay = isListening && !urgent ? config.http.shutdownDelay : 0;
    // A further call has nothing to wait for.
    isListening = false;
    if (delay > 0) await pause(delay);
    stopBy = Date.now() + config.http.shutdownTimeout;
    for (const closer of closers.splice(0).reverse()) await closer();
  };

  /** Waits for work that uses the database, which may not answer, for the rest of the time. */
  const untilStop = (work: Promise<void>) =>
    withDeadline(Math.max(0, stopBy - Date.now()), work, () => new Error("no time is left")).catch(() => {});

  try {
    const authentications = createAuthenticationLog(log);
    closers.push(authentications.close);
    const passwords = await createPasswords(config.passwords, { log, authentications });
    closers.push(passwords.close);
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
    const role = config.database.role ?? (embedded && embeddedRole);
    if (role !== undefined && (embedded !== undefined || migrate))
      await grantRole({ ...config.database, url }, { role, create: embedded !== undefined });
    const database = await connect({ ...config.database, url, role }, { log, signal });
    // Queries that no request waits for may use the rest of the time.
    closers.push(() => database.close(Math.max(0, stopBy - Date.now())));
    await requireServicePrivileges(database.db);
    if (config.environment === "production") await checkLogin(database.db, config.database, log);
    const pending = await pendingMigrations(database.db);
    if (pending.length > 0) log.warn({ pending }, "not ready: migrations are pending; run `aeturnis-data migrate up`");

    signal?.throwIfAborted();
    closers.push(startJobs({ db: database.db, log, auditMonthsAhead: config.audit.monthsAhead }).stop);

    const cipher = createSecretCipher(configuredKeys(config));
    const secrets = signingSecrets(config);
    const repositories = createRepositories(database.db, {
      cursorKeys: deriveKeys(secrets, "cursors").map(({ bytes }) => bytes),
      scanLimit: config.scanLimit,
    });
    // Before its migrations the database may lack the tables.
    const signers = configuredSigners(config);
    if (pending.length === 0) {
      await requireEncryptionKeys(repositories.encryptedSecrets, cipher);
      await requireSigner(database.db, signers);
    }
    const file = config.audit.checkpointFile;
    const checkpoints = await startCheckpointWriter({ db: database.db, log, signers, file });
    // Stopped after the sequencer.
    closers.push(() => untilStop(checkpoints.stop()));
    const sequencer = startSequencer({ db: database.db, log });
    closers.push(() => untilStop(sequencer.stop()));
    const tails = new AuditTails({ audit: repositories.audit, log, limit: config.audit.tails });
    const registry = config.admin && new Registry();
    const services = {
      ...repositories,
      identity: createIdentity({
        db: database.db,
        repositories,
        passwords,
        cipher,
        secrets,
        config: config.sessions,
        authentications,
      }),
      passwords,
      authentications,
      events: createEventRecorder(repositories.audit),
      auditKeys: signers.map(({ verifier }) => verifier),
      checkpoints,
      tails,
      database,
      readiness: () =>
        checkReadiness(database, { warning: checkpoints.problem(), isStopping: stopping.signal.aborted }),
      log,
      calls: registry === undefined ? noCallMetrics : createCallMetrics(registry),
      version,
      requestDeadline: createRequestDeadline(config.http.requestTimeout),
    };
    const http = await createHttpServer({ config, services, stopping: stopping.signal });
    closers.push(() => http.close());
    closers.push(() => tails.stop());
    let metricsUrl: string | undefined;
    if (registry !== undefined && config.admin !== undefined) {
      addServiceMetrics(registry, services);
      const admin = createAdminServer(registry);
      closers.push(() => admin.close());
      metricsUrl = `${await admin.listen({ ...config.admin })}/metrics`;
      log.info({ url: metricsUrl }, "listening for collectors of metrics");
    }
    const address = await http.listen({ host: config.http.host, port: config.http.port });
    isListening = true;
    log.info({ url: `${address}/trpc`, version }, "listening");
    const [server] = await database.db.execute(sql`select current_setting('server_version') as version`);
    return { url: `${address}/trpc`, metricsUrl, embedded, databaseVersion: String(server?.["version"]), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Gives the role that the service assumes its privileges, as the login that has migrated. */
async function grantRole(config: DatabaseConfig & { url: string }, options: GrantOptions): Promise<void> {
  const { db, close } = await connect(
    { ...config, role: undefined, poolMin: 0, poolMax: 1 },
    { log: createLog({ level: "silent" }), applicationName: "aeturnis-data role" },
  );
  try {
    await grantServiceRole(db, options);
  } finally {
    await close();
  }
}

/** @throws {ConnectError} if the login can change or remove the audit trail, unless DATABASE_ALLOW_OWNER permits it */
async function checkLogin(db: Database["db"], { allowOwner }: DatabaseConfig, log: Log): Promise<void> {
  const power = await powerOfLogin(db);
  if (power === undefined) return;
  if (allowOwner) {
    log.warn(`${power}: whoever runs a statement through the service can change the audit trail`);
    return;
  }
  throw new ConnectError(
    `In production the service does not log in as one who can change the audit trail, and ${power}. Create a login ` +
      "of its own with `aeturnis-data role grant <name> --create --login`, and set it in DATABASE_URL. " +
      "DATABASE_ALLOW_OWNER=true permits the present one.",
  );
}

/**
 * Applies pending migrations. If none is pending, drift is only logged: a database may be newer than this version of
 * the service, for example after a deployment was rolled back.
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
  log.warn({ reason: error.message }, "the database differs from the migrations; see `aeturnis-data migrate status`");
}
