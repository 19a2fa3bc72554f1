import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { Options } from "postgres";
import { type DatabaseAddress, parseDatabaseUrl, type SslMode, stricter } from "../config/index.ts";
import { ConnectError } from "./connect-error.ts";

/** A database URL with the TLS settings of the configuration. */
export interface Endpoint {
  readonly url: string;
  readonly ssl?: SslMode | undefined;
  /** PEM file with the certificate authority of the server's certificate. */
  readonly caFile?: string | undefined;
}

/**
 * Returns the postgres.js options that a URL determines. postgres.js itself never receives the URL, because it sends
 * every parameter that it does not know to the server. The options that it would read from the environment
 * (`PGMAX_PIPELINE`, `PGPASSWORD`) are set here, too.
 *
 * @throws {DatabaseUrlError}
 * @throws {ConnectError} when a certificate or key file cannot be read
 */
export function driverOptions({ url, ssl = "disable", caFile }: Endpoint) {
  const address = parseDatabaseUrl(url);
  const { host, hostAddress, port, socket, user, password = "", database, applicationName, options } = address;
  return {
    // Arrays, which the types of postgres.js lack: it splits a string at each colon, and so breaks an IPv6 address.
    host: [hostAddress ?? host] as unknown as string,
    port: [port] as unknown as number,
    ...(socket !== undefined && { path: socket }),
    user,
    password: () => password,
    database,
    ssl: tlsOptions(address, modeOf(address, ssl), caFile),
    // Options that the types of postgres.js lack.
    ...{ sslnegotiation: address.ssl.direct ? "direct" : null, max_pipeline: 100 },
    connect_timeout: address.connectTimeout ?? 5,
    keep_alive: address.keepAlive ?? 60,
    max_lifetime: 60 * (30 + Math.random() * 30),
    prepare: true,
    debug: false,
    connection: {
      ...(applicationName && { application_name: applicationName }),
      ...(options && { options }),
    },
  } satisfies Options<Record<string, never>>;
}

/** Returns warnings for the log: parameters of the URL that have no effect. */
export function warningsFor({ url, ssl = "disable" }: Endpoint): readonly string[] {
  const address = parseDatabaseUrl(url);
  if (!address.ssl.channelBinding || modeOf(address, ssl) === "verify-full") return address.warnings;
  const warning =
    "channel_binding=require has no effect, because the driver does not support it: DATABASE_SSL=verify-full prevents " +
    "a man-in-the-middle attack";
  return [...address.warnings, warning];
}

/** The stricter TLS mode of URL and configuration. Like libpq, no TLS over a Unix socket. */
function modeOf({ socket, ssl }: DatabaseAddress, configured: SslMode): SslMode {
  return socket === undefined ? stricter(ssl.mode ?? "disable", configured) : "disable";
}

function tlsOptions({ host, ssl }: DatabaseAddress, mode: SslMode, caFile: string | undefined) {
  if (mode === "disable") return false;
  const verify = mode !== "require";
  const authority = caFile ?? (ssl.rootCertificate === "system" ? undefined : ssl.rootCertificate);
  return {
    // The driver omits a host that is an IP address, and Node would verify the certificate for "localhost" instead.
    host,
    servername: isIP(host) === 0 ? host : undefined,
    rejectUnauthorized: verify,
    ...(mode === "verify-ca" && { checkServerIdentity: () => undefined }),
    ...(verify && authority !== undefined && { ca: readFile(authority, "DATABASE_CA_FILE or sslrootcert") }),
    ...(ssl.certificate !== undefined && { cert: readFile(ssl.certificate, "sslcert") }),
    ...(ssl.key !== undefined && { key: readFile(ssl.key, "sslkey") }),
    ...(ssl.keyPassword !== undefined && { passphrase: ssl.keyPassword }),
    ...(ssl.revocationList !== undefined && { crl: readFile(ssl.revocationList, "sslcrl") }),
    ...(ssl.minVersion !== undefined && { minVersion: ssl.minVersion }),
    ...(ssl.maxVersion !== undefined && { maxVersion: ssl.maxVersion }),
  };
}

function readFile(file: string, setting: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConnectError(`The file that ${setting} names cannot be read.`, error);
  }
}
