import { isIP } from "node:net";
import * as v from "valibot";
import { OperatorError } from "../errors.ts";
import { faultsOfDatabaseUrl, isLocal, parseDatabaseUrl, sslModeOf } from "./database-url/parse.ts";
import { type SslMode, sslModes, stricter } from "./database-url/ssl.ts";

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));
const oneOf = <const Options extends readonly string[]>(options: Options) =>
  v.picklist(options, `must be one of ${options.join(", ")}`);
const whole = (least: number, most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d+$/, "must be a whole number"),
    v.transform(Number),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );
const milliseconds = (fallback: string) => v.optional(whole(0, 3_600_000), fallback);

const databaseUrl = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (dataset.typed) for (const message of faultsOfDatabaseUrl(dataset.value)) addIssue({ message });
  }),
);

const origins = v.pipe(
  v.string(),
  v.transform((list) => list.split(",").map((origin) => origin.trim())),
  v.transform((list) => list.filter((origin) => origin !== "")),
  v.everyItem(
    (origin) => /^https?:\/\/[^/\s]+$/.test(origin),
    "must be origins such as https://game.example, parted by commas",
  ),
);

const proxies = v.pipe(
  v.string(),
  v.transform((list) => list.split(",").map((proxy) => proxy.trim())),
  v.transform((list) => list.filter((proxy) => proxy !== "")),
  v.everyItem(isAddressOrRange, "must be IP addresses or ranges such as 10.0.0.0/8, parted by commas"),
);

function isAddressOrRange(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
  return family !== 0 && fits && more.length === 0;
}

/** What stands between the service and PostgreSQL and shares its connections. */
const poolers = ["none", "transaction"] as const;

/**
 * Every variable that the service reads. Comments in `.env.example` are their documentation; a test
 * holds the two together.
 *
 * valibot, and not the zod of the procedures: every command reads its configuration, and zod alone takes a
 * fifth of the time that `migrate up` has (bench/migrate.mjs).
 */
const environment = v.object({
  NODE_ENV: v.optional(oneOf(["development", "test", "production"]), "development"),
  HOST: v.optional(text, "127.0.0.1"),
  PORT: v.optional(whole(0, 65_535), "3000"),
  CORS_ORIGINS: v.optional(origins, ""),
  TRUSTED_PROXIES: v.optional(proxies, ""),
  DATA_DIR: v.optional(text, ".data"),
  DATABASE_URL: v.optional(databaseUrl),
  DATABASE_POOL_MIN: v.optional(whole(0, 1000)),
  DATABASE_POOL_MAX: v.optional(whole(1, 1000)),
  DATABASE_POOLER: v.optional(oneOf(poolers)),
  DATABASE_SSL: v.optional(oneOf(sslModes)),
  DATABASE_CA_FILE: v.optional(text),
  STATEMENT_TIMEOUT_MS: milliseconds("5000"),
  LOCK_TIMEOUT_MS: milliseconds("2000"),
  IDLE_TRANSACTION_TIMEOUT_MS: milliseconds("10000"),
  REQUEST_TIMEOUT_MS: v.optional(whole(1, 3_600_000), "10000"),
  SHUTDOWN_TIMEOUT_MS: milliseconds("7000"),
  SLOW_QUERY_MS: milliseconds("1000"),
  SCAN_LIMIT_ROWS: v.optional(whole(0, 1_000_000_000), "100000"),
  JWT_SECRET: v.optional(
    v.pipe(v.string(), v.minLength(32, "must be at least 32 characters: `openssl rand -base64 48` makes a good one")),
  ),
  LOG_LEVEL: v.optional(oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"])),
});

/** A variable that the service reads. */
export type ConfigVariable = keyof typeof environment.entries;

/** The names of all variables that the service reads. */
export const configVariables = Object.keys(environment.entries);

export interface Config {
  readonly environment: "development" | "test" | "production";
  /** Where local state lives: the embedded database, its address, a generated signing secret. */
  readonly dataDirectory: string;
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Browser origins that may call the service. */
    readonly corsOrigins: readonly string[];
    /** Addresses of proxies whose word on where a request comes from is believed. */
    readonly trustedProxies: readonly string[];
    /** Longest time a request may take (ms). */
    readonly requestTimeout: number;
    /** Longest wait for running requests when the service stops (ms). */
    readonly shutdownTimeout: number;
  };
  readonly database: DatabaseConfig;
  /** Secret of the HS256 signature of access tokens; undefined outside production means a generated one. */
  readonly jwtSecret: string | undefined;
  readonly logLevel: string;
  /** Rows up to which a table may be read as a whole for a listing that no index answers. */
  readonly scanLimit: number;
}

export interface DatabaseConfig {
  /** Undefined: the embedded server. */
  readonly url: string | undefined;
  readonly poolMin: number;
  readonly poolMax: number;
  /** A pooler in transaction mode takes no prepared statements, no pipelining and few settings. */
  readonly pooler: (typeof poolers)[number];
  /** TLS to the database. */
  readonly ssl: SslMode;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile: string | undefined;
  /** PostgreSQL's own time-outs (ms, 0 is none). */
  readonly statementTimeout: number;
  readonly lockTimeout: number;
  readonly idleTransactionTimeout: number;
  /** A query that takes longer is reported (ms). */
  readonly slowQuery: number;
}

/** One or more variables are wrong. The message lists all of them, by name and never by value. */
export class ConfigError extends OperatorError {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    const list = faults.length === 1 ? ` ${faults[0]}` : faults.map((fault) => `\n  - ${fault}`).join("");
    super(`The configuration is not usable:${list}`);
    this.faults = faults;
  }
}

/**
 * The part of the configuration that reaches the database: for commands that have no use for the rest.
 *
 * @throws {ConfigError} with every fault at once
 */
export function loadDatabaseConfig(
  env: Readonly<Record<string, string | undefined>>,
): Pick<Config, "database" | "dataDirectory"> {
  return loadConfig({ ...env, JWT_SECRET: "not needed here, and so never used" });
}

/**
 * Reads the configuration out of an environment. An empty variable counts as not set.
 *
 * @throws {ConfigError} with every fault at once
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = v.safeParse(environment, set, { abortPipeEarly: true });
  // The messages above never repeat the value that was given.
  const faults = parsed.success
    ? rulesAcross(parsed.output)
    : parsed.issues.map((issue) => `${v.getDotPath(issue)} ${issue.message}`);
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);

  const vars = parsed.output;
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
      shutdownTimeout: vars.SHUTDOWN_TIMEOUT_MS,
    }),
    database: Object.freeze({
      url: vars.DATABASE_URL,
      poolMin: vars.DATABASE_POOL_MIN ?? Math.min(2, poolMax(vars)),
      poolMax: poolMax(vars),
      pooler: vars.DATABASE_POOLER ?? (saysTransactionPooler(vars) ? "transaction" : "none"),
      ssl: sslOf(vars) ?? "disable",
      caFile: vars.DATABASE_CA_FILE,
      statementTimeout: vars.STATEMENT_TIMEOUT_MS,
      lockTimeout: vars.LOCK_TIMEOUT_MS,
      idleTransactionTimeout: vars.IDLE_TRANSACTION_TIMEOUT_MS,
      slowQuery: vars.SLOW_QUERY_MS,
    }),
    jwtSecret: vars.JWT_SECRET,
    scanLimit: vars.SCAN_LIMIT_ROWS,
    logLevel: vars.LOG_LEVEL ?? (production ? "info" : "debug"),
  });
}

type Variables = v.InferOutput<typeof environment>;

const poolMax = (vars: Variables) => vars.DATABASE_POOL_MAX ?? (vars.NODE_ENV === "production" ? 20 : 10);

/** Prisma's and Supabase's `pgbouncer=true` in the URL. */
const saysTransactionPooler = (vars: Variables) =>
  vars.DATABASE_URL !== undefined && parseDatabaseUrl(vars.DATABASE_URL).transactionPooler === true;

/** Rules that no single variable can show. */
function rulesAcross(vars: Variables): string[] {
  const faults: string[] = [];
  if ((vars.DATABASE_POOL_MIN ?? 0) > poolMax(vars)) {
    faults.push("DATABASE_POOL_MIN must not be more than DATABASE_POOL_MAX");
  }
  if (vars.DATABASE_CA_FILE !== undefined && !/^verify-/.test(sslOf(vars) ?? "")) {
    faults.push("DATABASE_CA_FILE is only used with DATABASE_SSL=verify-full (or verify-ca): set both, or neither");
  }
  if (vars.DATABASE_CA_FILE !== undefined && vars.DATABASE_URL !== undefined) {
    if (parseDatabaseUrl(vars.DATABASE_URL).ssl.rootCertificate !== undefined)
      faults.push("DATABASE_CA_FILE and the sslrootcert of DATABASE_URL name the same thing: set one of them");
  }
  if (vars.DATABASE_SSL !== undefined && sslOf(vars) !== vars.DATABASE_SSL) {
    faults.push("DATABASE_SSL is laxer than the sslmode of DATABASE_URL: set one of them, or both alike");
  }
  if (vars.NODE_ENV !== "production") return faults;

  if (vars.DATABASE_URL === undefined) {
    faults.push("DATABASE_URL must be set in production: the embedded server is for development");
  } else if (!isLocal(vars.DATABASE_URL) && sslOf(vars) === undefined) {
    faults.push(
      "DATABASE_SSL must be set in production when DATABASE_URL is on another host: verify-full (best) or require; " +
        "disable, if the network itself is trusted",
    );
  }
  if (vars.JWT_SECRET === undefined)
    faults.push("JWT_SECRET must be set in production, to the same value on every server");
  return faults;
}

/** TLS as it was asked for, by its own variable or in the URL: the stricter. */
function sslOf(vars: Variables): SslMode | undefined {
  const inUrl = vars.DATABASE_URL === undefined ? undefined : sslModeOf(vars.DATABASE_URL);
  const own = vars.DATABASE_SSL;
  return own === undefined || inUrl === undefined ? (own ?? inUrl) : stricter(own, inUrl);
}
