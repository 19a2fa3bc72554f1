import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { userInfo } from "node:os";
import type { Draft } from "./draft.ts";
import { applyParameters } from "./parameters.ts";
import type { SslMode } from "./ssl.ts";
import { splitUrl } from "./text.ts";

/** A parsed PostgreSQL connection URI (PostgreSQL manual, 34.1.1.2). The driver receives these values and no others. */
export interface DatabaseAddress extends Readonly<Omit<Draft, "port">> {
  /** Name or IP address without brackets, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** Path of the Unix socket, if the host is a folder. */
  readonly socket: string | undefined;
  readonly user: string;
  readonly database: string;
}

/** `DATABASE_URL` is invalid. The faults name parameters and remedies, and contain no value. */
export class DatabaseUrlError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The URL of the database ${faults.join("; ")}`);
    this.name = "DatabaseUrlError";
    this.faults = faults;
  }
}

/** Returns the faults of a database URL as predicates: "has …", "must be …". */
export function faultsOfDatabaseUrl(text: string): readonly string[] {
  try {
    parseDatabaseUrl(text);
    return [];
  } catch (error) {
    if (error instanceof DatabaseUrlError) return error.faults;
    throw error;
  }
}

/**
 * Parses a URL by the rules of libpq. Each parameter is applied, ignored for a documented reason, or refused by name.
 *
 * @throws {DatabaseUrlError} that lists every fault
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const parts = splitUrl(text.trim());
  if (typeof parts === "string") throw new DatabaseUrlError([parts]);
  const { draft, faults } = applyParameters(parts);
  const port = portOf(draft.port);
  if (port === undefined) faults.push("has a port that is not a number from 1 to 65535");
  const host = draft.host || socketFolder(port ?? defaultPort);
  if (host.includes(",") || draft.port?.includes(",")) faults.push(oneEndpoint);
  else if (!host.startsWith("/") && isIP(host) === 0 && /[\s/@:?#[\]%]/.test(host))
    faults.push("has a host that is neither a name, an IP address nor the folder of a Unix socket");
  const user = draft.user || loginName();
  if (user === undefined) faults.push("names no user: write postgres://user:password@host:5432/database");
  // The limit of sun_path (unix(7)); connect would fail with EINVAL.
  if (host.startsWith("/") && Buffer.byteLength(host) > longestFolder)
    faults.push(`has a folder of a Unix socket that is longer than ${longestFolder} bytes`);
  if (faults.length > 0 || port === undefined || user === undefined) throw new DatabaseUrlError([...new Set(faults)]);
  return Object.freeze({
    ...draft,
    host,
    port,
    socket: host.startsWith("/") ? `${host.replace(/\/+$/, "")}/.s.PGSQL.${port}` : undefined,
    user,
    // The default of libpq and of the server.
    database: draft.database || user,
  });
}

const defaultPort = 5432;
const longestFolder = 107 - "/.s.PGSQL.65535".length;

const oneEndpoint =
  "names several hosts or ports: name one endpoint that leads to the primary (HAProxy, a service name, the provider's " +
  "writer endpoint), because the driver may settle on a standby";

/** Returns the TLS mode of the URL, undefined if it names none. A Unix socket never uses TLS. */
export function sslModeOf(url: string): SslMode | undefined {
  const { socket, ssl } = parseDatabaseUrl(url);
  return socket === undefined ? ssl.mode : "disable";
}

/** Whether the URL names a server on this machine. */
export function isLocal(url: string): boolean {
  const { host, hostAddress, socket } = parseDatabaseUrl(url);
  return socket !== undefined || /^(localhost|127\..*|::1)$/.test(hostAddress ?? host);
}

/** Returns endpoint and database for messages, without user and password. */
export function redactedAddress(url: string): { host: string; database: string } {
  const { host, port, socket, database } = parseDatabaseUrl(url);
  return { host: socket ?? `${isIP(host) === 6 ? `[${host}]` : host}:${port}`, database };
}

/** Returns the URL of another database on the same server. */
export function urlOfDatabase(url: string, name: string): string {
  const parts = splitUrl(url.trim());
  if (typeof parts === "string") throw new DatabaseUrlError([parts]);
  const parameters = parts.parameters.filter(([key]) => key !== "dbname");
  const query = parameters.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  return `postgres://${parts.authority}/${encodeURIComponent(name)}${query && `?${query}`}`;
}

function portOf(text: string | undefined): number | undefined {
  if (!text) return defaultPort;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port > 0 && port < 65_536 ? port : undefined;
}

/** The default socket folder of libpq: that of Debian's packages, or PostgreSQL's own. */
function socketFolder(port: number): string {
  if (process.platform === "win32") return "localhost";
  return existsSync(`/var/run/postgresql/.s.PGSQL.${port}`) ? "/var/run/postgresql" : "/tmp";
}

/** Returns libpq's default user; undefined for a user id without a name. */
function loginName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
