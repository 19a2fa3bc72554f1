import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { Options } from "postgres";
import { type DatabaseAddress, parseDatabaseUrl, type SslMode, stricter } from "../config/index.ts";
import { ConnectError } from "./connect-error.ts";

/** A database, and how to get there. */
export interface Endpoint {
  readonly url: string;
  readonly ssl?: SslMode | undefined;
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile?: string | undefined;
}

/**
 * The part of postgres.js's options that a URL decides. It gets no URL: it would pass on to the server whatever it
 * does not know. What it would take from the environment (`PGMAX_PIPELINE`, `PGPASSWORD`) stands here, too.
 *
 * @throws {DatabaseUrlError} @throws {ConnectError} when a file of a certificate cannot be read
 */
export function driverOptions({ url, ssl = "disable", caFile }: Endpoint) {
  const address = parseDatabaseUrl(url);
  const { host, hostAddress, port, socket, user, password = "", database, applicationName, options } = address;
  return {
    // Lists, which its types leave out: it would cut a text at its colons, those of an IPv6 address, too.
    host: [hostAddress ?? host] as unknown as string,
    port: [port] as unknown as number,
    ...(socket !== undefined && { path: socket }),
    user,
    password: () => password,
    database,
    ssl: tlsOptions(address, modeOf(address, ssl), caFile),
    // Its types leave these out, too.
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

/** What the URL asks for and does not get, for the log. */
export function notesOf({ url, ssl = "disable" }: Endpoint): readonly string[] {
  const address = parseDatabaseUrl(url);
  if (!address.ssl.channelBinding || modeOf(address, ssl) === "verify-full") return address.notes;
  const note =
    "channel_binding=require has no effect, because the driver cannot bind: DATABASE_SSL=verify-full keeps others " +
    "out of the middle";
  return [...address.notes, note];
}

/** TLS, as the stricter of URL and configuration says. libpq uses none over a Unix socket. */
function modeOf({ socket, ssl }: DatabaseAddress, configured: SslMode): SslMode {
  return socket === undefined ? stricter(ssl.mode ?? "disable", configured) : "disable";
}

function tlsOptions({ host, ssl }: DatabaseAddress, mode: SslMode, caFile: string | undefined) {
  if (mode === "disable") return false;
  const verify = mode !== "require";
  const authority = caFile ?? (ssl.rootCertificate === "system" ? undefined : ssl.rootCertificate);
  return {
    // Named here, because the driver names no host that is an IP address, and Node would verify "localhost" instead.
    host,
    servername: isIP(host) === 0 ? host : undefined,
    rejectUnauthorized: verify,
    ...(mode === "verify-ca" && { checkServerIdentity: () => undefined }),
    ...(verify && authority !== undefined && { ca: read(authority, "DATABASE_CA_FILE or sslrootcert") }),
    ...(ssl.certificate !== undefined && { cert: read(ssl.certificate, "sslcert") }),
    ...(ssl.key !== undefined && { key: read(ssl.key, "sslkey") }),
    ...(ssl.keyPassword !== undefined && { passphrase: ssl.keyPassword }),
    ...(ssl.revocationList !== undefined && { crl: read(ssl.revocationList, "sslcrl") }),
    ...(ssl.minVersion !== undefined && { minVersion: ssl.minVersion }),
    ...(ssl.maxVersion !== undefined && { maxVersion: ssl.maxVersion }),
  };
}

function read(file: string, setting: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConnectError(`The file that ${setting} names cannot be read.`, error);
  }
}
