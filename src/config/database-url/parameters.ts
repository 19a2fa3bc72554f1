import {
  type Draft,
  dropped,
  hostAddress,
  noted,
  type Parameter,
  refused,
  seconds,
  ssl,
  sslMode,
  text,
  tlsVersion,
} from "./draft.ts";
import { settleSsl } from "./ssl.ts";
import type { UrlParts } from "./text.ts";

const writable = "the service writes, so name the primary and leave it out";
const noGssapi = "the driver does not speak GSSAPI: leave it out and sign in with a password";

/** The parameters of libpq (PostgreSQL manual, 34.1.2) and of other tools, as providers write them into URLs. */
const parameters: Readonly<Record<string, Parameter>> = {
  host: text("host"),
  hostaddr: hostAddress,
  port: text("port"),
  user: text("user"),
  password: text("password"),
  dbname: text("database"),
  application_name: text("applicationName"),
  fallback_application_name: dropped(),
  options: text("options"),
  connect_timeout: seconds("connectTimeout"),
  client_encoding: dropped(/^(utf-?8|auto)$/i, "the service speaks UTF-8, so leave it out"),
  target_session_attrs: dropped(/^(any|read-write|primary)$/, writable),
  load_balance_hosts: dropped(/^disable$/),
  replication: dropped(/^(false|off|no|0)$/),

  sslmode: sslMode,
  // A JDBC parameter that libpq accepts, too. A stricter sslmode takes precedence.
  ssl: (draft, value) => {
    if (value !== "true") return "has ssl other than true: write sslmode in its place";
    draft.ssl.required = true;
    return undefined;
  },
  sslrootcert: ssl("rootCertificate"),
  sslcert: ssl("certificate"),
  sslkey: ssl("key"),
  sslpassword: ssl("keyPassword"),
  sslcrl: ssl("revocationList"),
  sslcrldir: refused("only one file is read: write sslcrl in its place"),
  sslcertmode: dropped(/^allow$/),
  sslcompression: dropped(/^0$/),
  sslsni: dropped(/^1$/),
  ssl_min_protocol_version: tlsVersion("minVersion"),
  ssl_max_protocol_version: tlsVersion("maxVersion"),
  sslnegotiation: (draft, value) => {
    if (!/^(postgres|direct)$/.test(value)) return "has sslnegotiation other than postgres, direct";
    draft.ssl.direct = value === "direct";
    return undefined;
  },
  channel_binding: (draft, value) => {
    if (!/^(disable|prefer|require)$/.test(value)) return "has channel_binding other than disable, prefer, require";
    if (value === "require") draft.ssl.channelBinding = true;
    return undefined;
  },
  require_auth: refused(
    "the driver answers whatever method the server asks for: leave it out, and use sslmode=verify-full",
  ),
  requirepeer: refused("the driver does not ask who owns a socket: leave it out"),

  keepalives: (draft, value) => {
    if (!/^[01]$/.test(value)) return "has keepalives other than 0, 1";
    if (value === "0") draft.keepAlive = 0;
    return undefined;
  },
  keepalives_idle: seconds("keepAlive"),
  keepalives_interval: dropped(),
  keepalives_count: dropped(),
  tcp_user_timeout: dropped(),

  gssencmode: dropped(/^(disable|prefer)$/, noGssapi),
  gssdelegation: dropped(/^0$/, noGssapi),
  krbsrvname: refused(noGssapi),
  gsslib: refused(noGssapi),
  passfile: refused("no password file is read: put the password into the URL"),
  service: refused("no service file is read: write its host, port, user and database into the URL"),
  servicefile: refused("no service file is read: write its host, port, user and database into the URL"),

  // Parameters of Prisma, Supabase, Vercel and node-postgres.
  schema: dropped(/^public$/, "the tables are in the schema public, so leave it out"),
  pgbouncer: (draft, value) => {
    if (!/^(true|false)$/.test(value)) return "has pgbouncer other than true, false";
    draft.transactionPooler = value === "true";
    return undefined;
  },
  connection_limit: noted("connection_limit has no effect: DATABASE_POOL_MAX is the size of the pool"),
  pool_timeout: dropped(),
  socket_timeout: dropped(),
  statement_cache_size: dropped(),
  supa: dropped(),
  workaround: dropped(),
  uselibpqcompat: dropped(/^true$/),

  // Parameters of the driver, and server settings that the configuration determines.
  max: refused("DATABASE_POOL_MAX is the size of the pool"),
  statement_timeout: refused("set STATEMENT_TIMEOUT_MS in its place"),
  lock_timeout: refused("set LOCK_TIMEOUT_MS in its place"),
  idle_in_transaction_session_timeout: refused("set IDLE_TRANSACTION_TIMEOUT_MS in its place"),
};

const unknown: Parameter = (_, __, name) =>
  `has ${name}, which the service does not know: leave it out (a setting of the server's is written options=-c%20NAME%3DVALUE)`;

/** Applies the parameters of a URL to its other parts. As in libpq, a parameter takes precedence. */
export function applyParameters(parts: UrlParts): { draft: Draft; faults: string[] } {
  const { host, port, user, password, database } = parts;
  const draft: Draft = { host, port, user, password, database, ssl: {}, warnings: [] };
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const [name, value] of parts.parameters) {
    if (seen.has(name)) faults.push(`has ${name} twice`);
    // In libpq an empty value means the default.
    if (value === "" && Object.hasOwn(parameters, name)) continue;
    seen.add(name);
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : unknown;
    const fault = parameter?.(draft, value, name);
    if (fault !== undefined) faults.push(fault);
  }
  return { draft, faults: [...faults, ...settleSsl(draft.ssl)] };
}
