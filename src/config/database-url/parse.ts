import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { userInfo } from "node:os";
import type { Draft } from "./draft.ts";
import { applyParameters } from "./parameters.ts";
import type { SslMode } from "./ssl.ts";
import { splitUrl } from "./text.ts";

/** A PostgreSQL connection URI (manual, 34.1.1.2), read once: what the driver is told, and nothing else. */
export interface DatabaseAddress extends Readonly<Omit<Draft, "port">> {
  /** Name or IP address, without brackets; of a Unix socket, its folder. */
  readonly host: string;
  readonly port: number;
  /** Path of the Unix socket, if it is one. */
  readonly socket: string | undefined;
  readonly user: string;
  readonly database: string;
}

/** `DATABASE_URL` cannot be used. The faults name parameters and remedies, and repeat no value. */
export class DatabaseUrlError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The URL of the database ${faults.join("; ")}`);
    this.name = "DatabaseUrlError";
    this.faults = faults;
  }
}

/** What is wrong with the URL of a database, as predicates: "has …", "must be …". */
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
 * Reads the URL as libpq reads it. A parameter is honoured, dropped with a reason, or refused by its name.
 *
 * @throws {DatabaseUrlError} with every fault at once
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
  // sun_path of a socket's address (unix(7)); connect would say EINVAL.
  if (host.startsWith("/") && Buffer.byteLength(host) > longestFolder)
    faults.push(`has a folder of a Unix socket that is longer than ${longestFolder} bytes`);
  if (faults.length > 0 || port === undefined || user === undefined) throw new DatabaseUrlError([...new Set(faults)]);
  return Object.freeze({
    ...draft,
    host,
    port,
    socket: host.startsWith("/") ? `${host.replace(/\/+$/, "")}/.s.PGSQL.${port}` : undefined,
    user,
    // libpq's default, and the server's.
    database: draft.database || user,
  });
}

const defaultPort = 5432;
const longestFolder = 107 - "/.s.PGSQL.65535".length;

const oneEndpoint =
  "names several hosts or ports: name one endpoint that leads to the primary (HAProxy, a service name, the provider's " +
  "writer endpoint), because the driver may settle on a standby";

/** TLS as the URL asks for it; undefined where it says nothing. Over a Unix socket there is none. */
export function sslModeOf(url: string): SslMode | undefined {
  const { socket, ssl } = parseDatabaseUrl(url);
  return socket === undefined ? ssl.mode : "disable";
}

/** Whether the server is on this machine. */
export function isLocal(url: string): boolean {
  const { host, hostAddress, socket } = parseDatabaseUrl(url);
  return socket !== undefined || /^(localhost|127\..*|::1)$/.test(hostAddress ?? host);
}

/** Endpoint and database, without user and password, for messages. */
export function redactedAddress(url: string): { host: string; database: string } {
  const { host, port, socket, database } = parseDatabaseUrl(url);
  return { host: socket ?? `${isIP(host) === 6 ? `[${host}]` : host}:${port}`, database };
}

/** The URL of another database on the same server. */
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

/** Where libpq looks for a server that no host names: Debian's folder, or PostgreSQL's own. */
function socketFolder(port: number): string {
  if (process.platform === "win32") return "localhost";
  return existsSync(`/var/run/postgresql/.s.PGSQL.${port}`) ? "/var/run/postgresql" : "/tmp";
}

/** libpq's default user; undefined for a user id without a name. */
function loginName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
