import { isIP } from "node:net";
import * as v from "valibot";
import { faultsOfDatabaseUrl } from "./database-url/parse.ts";
import { sslModes } from "./database-url/ssl.ts";
import { parseEncryptionKeys } from "./encryption-keys.ts";

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));
const oneOf = <const Options extends readonly string[]>(options: Options) =>
  v.picklist(options, `must be one of ${options.join(", ")}`);
const wholeNumber = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.check((digits) => isWholeNumber(digits, { min, max }), `must be a whole number from ${min} to ${max}`),
    v.transform(Number),
  );

function isWholeNumber(digits: string, { min, max }: { min: number; max: number }): boolean {
  const number = Number(digits);
  return /^\d+$/.test(digits) && number >= min && number <= max;
}

const milliseconds = (fallback: string) => v.optional(wholeNumber(0, 3_600_000), fallback);

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
    "must be origins such as https://game.example, separated by commas",
  ),
);

const proxies = v.pipe(
  v.string(),
  v.transform((list) => list.split(",").map((proxy) => proxy.trim())),
  v.transform((list) => list.filter((proxy) => proxy !== "")),
  v.everyItem(isAddressOrRange, "must be IP addresses or ranges such as 10.0.0.0/8, separated by commas"),
);

function isAddressOrRange(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
  return family !== 0 && fits && more.length === 0;
}

const secrets = v.pipe(
  v.string(),
  v.transform((list) => list.split(",").map((secret) => secret.trim())),
  v.everyItem(
    (secret) => secret.length >= 32,
    "must be at least 32 characters: `openssl rand -base64 48` makes a good one. Several are separated by commas, the newest first",
  ),
  v.check((entries) => isWithoutRepetition(entries), "must not have the same secret twice"),
);

/** A list that repeats an entry is a mistake of the one who rotates it: the old one or the new one is missing. */
function isWithoutRepetition(entries: readonly string[]): boolean {
  return new Set(entries).size === entries.length;
}

const encryptionKeys = v.pipe(
  v.string(),
  v.transform(parseEncryptionKeys),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    for (const message of value.faults) addIssue({ message });
    return value.faults.length > 0 ? NEVER : value.keys;
  }),
);

const auditSigningKeys = v.pipe(
  v.string(),
  v.transform((list) => list.split(",").map((key) => key.trim())),
  v.everyItem(
    (key) => /^PRIVATE\+KEY\+[^\s+,]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$/.test(key),
    "must be a key that begins with PRIVATE+KEY+, as `aeturnis-data audit key new --origin game.example/accounts` prints it. Several are separated by commas, the newest first",
  ),
  v.check(
    (keys) => new Set(keys.map(logOriginOf)).size === 1,
    "must have keys of one origin, which is the text after PRIVATE+KEY+",
  ),
  v.check((entries) => isWithoutRepetition(entries), "must not have the same key twice"),
);

/** The name of a signing key, which is the origin of the log that it signs. */
export const logOriginOf = (signingKey: string): string => signingKey.split("+")[2] ?? "";

const auditOrigin = v.pipe(
  v.string(),
  v.regex(
    /^[^\s+,]{1,255}$/,
    "must be 1 to 255 characters without whitespace, plus signs and commas, such as game.example/accounts",
  ),
);

/** Kinds of connection pooler between the service and PostgreSQL. */
export const poolers = ["none", "transaction"] as const;

/**
 * Every variable that the service reads. `.env.example` documents them, and a test compares the two.
 *
 * The schema uses valibot instead of zod because every command reads the configuration, and importing zod takes a fifth
 * of the time of `migrate up` (bench/migrate.mjs).
 */
export const environment = v.object({
  NODE_ENV: v.optional(oneOf(["development", "test", "production"]), "development"),
  HOST: v.optional(text, "127.0.0.1"),
  PORT: v.optional(wholeNumber(0, 65_535), "3000"),
  ADMIN_HOST: v.optional(text, "127.0.0.1"),
  ADMIN_PORT: v.optional(wholeNumber(0, 65_535)),
  CORS_ORIGINS: v.optional(origins, ""),
  TRUSTED_PROXIES: v.optional(proxies, ""),
  DATA_DIR: v.optional(text, ".data"),
  DATABASE_URL: v.optional(databaseUrl),
  DATABASE_URL_FILE: v.optional(text),
  DATABASE_ROLE: v.optional(text),
  DATABASE_ALLOW_OWNER: v.optional(oneOf(["true", "false"]), "false"),
  DATABASE_POOL_MIN: v.optional(wholeNumber(0, 1000)),
  DATABASE_POOL_MAX: v.optional(wholeNumber(1, 1000)),
  DATABASE_POOLER: v.optional(oneOf(poolers)),
  DATABASE_SSL: v.optional(oneOf(sslModes)),
  DATABASE_CA_FILE: v.optional(text),
  STATEMENT_TIMEOUT_MS: milliseconds("5000"),
  LOCK_TIMEOUT_MS: milliseconds("2000"),
  IDLE_TRANSACTION_TIMEOUT_MS: milliseconds("10000"),
  REQUEST_TIMEOUT_MS: v.optional(wholeNumber(1, 3_600_000), "10000"),
  SHUTDOWN_DELAY_MS: milliseconds("0"),
  SHUTDOWN_TIMEOUT_MS: milliseconds("7000"),
  SLOW_QUERY_MS: milliseconds("1000"),
  SCAN_LIMIT_ROWS: v.optional(wholeNumber(0, 1_000_000_000), "100000"),
  AUDIT_TAILS: v.optional(wholeNumber(1, 100_000), "200"),
  AUDIT_MONTHS_AHEAD: v.optional(wholeNumber(3, 120), "12"),
  AUDIT_SIGNING_KEY: v.optional(auditSigningKeys),
  AUDIT_SIGNING_KEY_FILE: v.optional(text),
  AUDIT_ORIGIN: v.optional(auditOrigin),
  AUDIT_CHECKPOINT_FILE: v.optional(text),
  JWT_SECRET: v.optional(secrets),
  JWT_SECRET_FILE: v.optional(text),
  ENCRYPTION_KEYS: v.optional(encryptionKeys),
  ENCRYPTION_KEYS_FILE: v.optional(text),
  SESSION_LIFETIME_HOURS: v.optional(wholeNumber(1, 8_760), "720"),
  SESSION_IDLE_HOURS: v.optional(wholeNumber(1, 8_760), "336"),
  SESSION_LIMIT: v.optional(wholeNumber(1, 1_000), "20"),
  REFRESH_REUSE_SECONDS: v.optional(wholeNumber(0, 31_536_000)),
  ARGON2_MEMORY_KIB: v.optional(wholeNumber(19_456, 262_144), "19456"),
  ARGON2_PASSES: v.optional(wholeNumber(2, 53), "2"),
  PASSWORD_MIN_LENGTH: v.optional(wholeNumber(8, 64), "15"),
  BREACHED_PASSWORDS_FILE: v.optional(text),
  // Read by Node itself, for its threads.
  UV_THREADPOOL_SIZE: v.optional(wholeNumber(1, 1_024), "4"),
  LOG_LEVEL: v.optional(oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"])),
});

/** The name of a variable that the service reads. */
export type ConfigVariable = keyof typeof environment.entries;

/** The names of all variables that the service reads. */
export const configVariables = Object.keys(environment.entries) as ConfigVariable[];

/** The values of the variables after validation. */
export type Variables = v.InferOutput<typeof environment>;
