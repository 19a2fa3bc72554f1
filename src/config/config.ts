import * as v from "valibot";
import type { SslMode } from "./database-url/ssl.ts";
import { type EncryptionKey, encryptionKeyEntry } from "./encryption-keys.ts";
import { environment, type poolers, type Variables } from "./environment.ts";
import { ConfigError } from "./errors.ts";
import { crossVariableFaults, poolMax, sslOf, urlNamesTransactionPooler } from "./rules.ts";
import { readSecretFiles, withoutSecrets } from "./secret-variables.ts";

/** The validated configuration of the service. */
export interface Config {
  readonly environment: "development" | "test" | "production";
  /** Folder of local state: the embedded database, its URL, a generated signing secret. */
  readonly dataDirectory: string;
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Browser origins that may call the service. */
    readonly corsOrigins: readonly string[];
    /** IP addresses of proxies whose `X-Forwarded-For` header is trusted. */
    readonly trustedProxies: readonly string[];
    /** Deadline of a request (ms). */
    readonly requestTimeout: number;
    /** Time in which the service, when it stops, still takes requests, and says that it is not ready (ms). */
    readonly shutdownDelay: number;
    /** Time for running requests to finish after that (ms). */
    readonly shutdownTimeout: number;
  };
  /** The private server of metrics; undefined without one. */
  readonly admin: { readonly host: string; readonly port: number } | undefined;
  readonly database: DatabaseConfig;
  /**
   * Secrets from which the keys of tokens and cursors are derived, newest first; undefined outside of production for a
   * generated one.
   */
  readonly jwtSecrets: readonly string[] | undefined;
  /** Keys that encrypt secrets in the database, newest first; undefined outside of production for a generated one. */
  readonly encryptionKeys: readonly EncryptionKey[] | undefined;
  readonly audit: AuditConfig;
  readonly sessions: SessionConfig;
  readonly passwords: PasswordConfig;
  readonly logLevel: string;
  /** Size of a table, in rows, up to which a listing without a matching index may scan it. */
  readonly scanLimit: number;
}

export interface AuditConfig {
  /** Months after the current one for which the audit trail has partitions. */
  readonly monthsAhead: number;
  /** Subscriptions to `audit.tail` of one process. */
  readonly tails: number;
  /** Keys that sign checkpoints of its log, newest first; undefined outside of production for a generated one. */
  readonly signingKeys: readonly string[] | undefined;
  /** The origin of a generated key; undefined for one of its own. */
  readonly origin: string | undefined;
  /** The file to which checkpoints are appended. */
  readonly checkpointFile: string | undefined;
}

export interface SessionConfig {
  /** Lifetime of a session (s). */
  readonly lifetime: number;
  /** Time without use after which a session ends (s). */
  readonly idleTimeout: number;
  /** Sessions of an account; a further one ends the least recently used. */
  readonly limit: number;
  /**
   * Time after a rotation within which the previous refresh token gives the same successor again (s); undefined: until
   * the successor is used.
   */
  readonly refreshReuse: number | undefined;
}

export interface PasswordConfig {
  /** Code points of a new password. */
  readonly minLength: number;
  /** Cost of Argon2id for new hashes. */
  readonly memoryKiB: number;
  readonly passes: number;
  /** File of SHA-1 hashes of passwords that are refused. */
  readonly breachedFile: string | undefined;
  /** Threads of Node, which compute hashes, read files and resolve names. */
  readonly threads: number;
}

export interface DatabaseConfig {
  /** Undefined for the embedded server. */
  readonly url: string | undefined;
  /** The role that each connection assumes; undefined for the login itself. */
  readonly role: string | undefined;
  /** Whether the login may own the audit trail in production. */
  readonly allowOwner: boolean;
  readonly poolMin: number;
  readonly poolMax: number;
  /** A pooler in transaction mode supports no prepared statements, no pipelining and few settings. */
  readonly pooler: (typeof poolers)[number];
  /** TLS to the database. */
  readonly ssl: SslMode;
  /** PEM file with the certificate authority of the server's certificate. */
  readonly caFile: string | undefined;
  /** Timeouts of PostgreSQL (ms); 0 disables a timeout. */
  readonly statementTimeout: number;
  readonly lockTimeout: number;
  readonly idleTransactionTimeout: number;
  /** Duration from which a query is logged as slow (ms). */
  readonly slowQuery: number;
}

/**
 * Reads the part of the configuration that commands need to reach the database.
 *
 * @throws {ConfigError} that lists every fault
 */
export function loadDatabaseConfig(
  env: Readonly<Record<string, string | undefined>>,
): Pick<Config, "database" | "dataDirectory"> {
  return loadAuditConfig({
    ...withoutSecrets(env, ["AUDIT_SIGNING_KEY"]),
    AUDIT_SIGNING_KEY: "PRIVATE+KEY+placeholder+00000000+AA==",
    AUDIT_ORIGIN: undefined,
  });
}

/**
 * Reads the part of the configuration that commands need to sign and verify the log of the audit trail.
 *
 * @throws {ConfigError} that lists every fault
 */
export function loadAuditConfig(
  env: Readonly<Record<string, string | undefined>>,
): Pick<Config, "audit" | "database" | "dataDirectory"> {
  const placeholderKey = encryptionKeyEntry({ id: "placeholder", bytes: new Uint8Array(32) });
  return loadConfig({
    ...withoutSecrets(env, ["JWT_SECRET", "ENCRYPTION_KEYS"]),
    JWT_SECRET: "a placeholder: this configuration signs no token",
    ENCRYPTION_KEYS: placeholderKey,
  });
}

/**
 * Reads the configuration from environment variables, and secrets from the files that they name. An empty variable counts
 * as unset.
 *
 * @throws {ConfigError} that lists every fault
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const vars = parseVariables(set);
  const production = vars.NODE_ENV === "production";
  return Object.freeze({
    environment: vars.NODE_ENV,
    dataDirectory: vars.DATA_DIR,
    http: Object.freeze({
      host: vars.HOST,
      port: vars.PORT,
      corsOrigins: Object.freeze(vars.CORS_ORIGINS),
      trustedProxies: Object.freeze(vars.TRUSTED_PROXIES),
      requestTimeout: vars.REQUEST_TIMEOUT_MS,
      shutdownDelay: vars.SHUTDOWN_DELAY_MS,
      shutdownTimeout: vars.SHUTDOWN_TIMEOUT_MS,
    }),
    admin: vars.ADMIN_PORT === undefined ? undefined : Object.freeze({ host: vars.ADMIN_HOST, port: vars.ADMIN_PORT }),
    database: Object.freeze({
      url: vars.DATABASE_URL,
      role: vars.DATABASE_ROLE,
      allowOwner: vars.DATABASE_ALLOW_OWNER === "true",
      poolMin: vars.DATABASE_POOL_MIN ?? Math.min(2, poolMax(vars)),
      poolMax: poolMax(vars),
      pooler: vars.DATABASE_POOLER ?? (urlNamesTransactionPooler(vars) ? "transaction" : "none"),
      ssl: sslOf(vars) ?? "disable",
      caFile: vars.DATABASE_CA_FILE,
      statementTimeout: vars.STATEMENT_TIMEOUT_MS,
      lockTimeout: vars.LOCK_TIMEOUT_MS,
      idleTransactionTimeout: vars.IDLE_TRANSACTION_TIMEOUT_MS,
      slowQuery: vars.SLOW_QUERY_MS,
    }),
    jwtSecrets: vars.JWT_SECRET,
    encryptionKeys: vars.ENCRYPTION_KEYS,
    sessions: Object.freeze({
      lifetime: vars.SESSION_LIFETIME_HOURS * 3_600,
      idleTimeout: vars.SESSION_IDLE_HOURS * 3_600,
      limit: vars.SESSION_LIMIT,
      refreshReuse: vars.REFRESH_REUSE_SECONDS,
    }),
    passwords: Object.freeze({
      minLength: vars.PASSWORD_MIN_LENGTH,
      memoryKiB: vars.ARGON2_MEMORY_KIB,
      passes: vars.ARGON2_PASSES,
      breachedFile: vars.BREACHED_PASSWORDS_FILE,
      threads: vars.UV_THREADPOOL_SIZE,
    }),
    scanLimit: vars.SCAN_LIMIT_ROWS,
    audit: Object.freeze({
      monthsAhead: vars.AUDIT_MONTHS_AHEAD,
      tails: vars.AUDIT_TAILS,
      signingKeys: vars.AUDIT_SIGNING_KEY,
      origin: vars.AUDIT_ORIGIN,
      checkpointFile: vars.AUDIT_CHECKPOINT_FILE,
    }),
    logLevel: vars.LOG_LEVEL ?? (production ? "info" : "debug"),
  });
}

/** @throws {ConfigError} that lists every fault */
function parseVariables(set: Readonly<Record<string, string | undefined>>): Variables {
  const { variables, faulty, faults: unread } = readSecretFiles(set);
  const parsed = v.safeParse(environment, variables, { abortPipeEarly: true });
  const issues = parsed.issues ?? [];
  const invalid = new Set([...faulty, ...issues.map((issue) => v.getDotPath(issue) ?? "")]);
  const valid = Object.fromEntries(Object.entries(variables).filter(([name]) => !invalid.has(name)));
  const vars = parsed.success ? parsed.output : v.parse(environment, valid);
  const faults = [
    ...unread,
    // The messages of the schema contain no value.
    ...issues.map((issue) => `${v.getDotPath(issue)} ${issue.message}`),
    ...crossVariableFaults(vars, invalid),
  ];
  if (faults.length > 0) throw new ConfigError(faults);
  return vars;
}
