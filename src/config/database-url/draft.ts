import { isIP } from "node:net";
import { type SslSettings, sslModes, tlsVersions } from "./ssl.ts";

/** A database address while its parameters are being read. */
export interface Draft {
  host?: string;
  /** IP address to connect to, instead of resolving the host. */
  hostAddress?: string;
  port?: string;
  user?: string;
  password?: string | undefined;
  database?: string;
  ssl: SslSettings;
  /** Seconds; 0 means no limit. */
  connectTimeout?: number;
  /** Idle time before the first TCP keepalive probe (s); 0 disables keepalive. */
  keepAlive?: number;
  applicationName?: string;
  /** Command-line options of the server process: `-c name=value`. */
  options?: string;
  /** Whether the URL names a pooler in transaction mode. */
  transactionPooler?: boolean;
  /** Ignored parameters that have a meaning, each with its remedy. */
  warnings: string[];
}

/** Stores a value in the draft, or returns the fault as a predicate that contains no value. */
export type Parameter = (draft: Draft, value: string, name: string) => string | undefined;

export const text =
  (field: "host" | "port" | "user" | "password" | "database" | "applicationName" | "options"): Parameter =>
  (draft, value) => {
    draft[field] = value;
    return undefined;
  };
export const ssl =
  (field: "rootCertificate" | "certificate" | "key" | "keyPassword" | "revocationList"): Parameter =>
  (draft, value) => {
    draft.ssl[field] = value;
    return undefined;
  };
export const tlsVersion =
  (field: "minVersion" | "maxVersion"): Parameter =>
  (draft, value, name) => {
    const version = tlsVersions.find((known) => known === value);
    if (version === undefined) return `has ${name} other than ${tlsVersions.join(", ")}`;
    draft.ssl[field] = version;
    return undefined;
  };
export const seconds =
  (field: "connectTimeout" | "keepAlive"): Parameter =>
  (draft, value, name) => {
    if (!/^\d{1,6}$/.test(value)) return `has ${name} that is not a whole number of seconds`;
    draft[field] = Number(value);
    return undefined;
  };
/** Accepts these values without effect, because they match what the service does. Refuses any other value. */
export const dropped =
  (values: RegExp = /^/, remedy = "leave it out"): Parameter =>
  (_, value, name) =>
    values.test(value) ? undefined : `asks with ${name} for what the service does not do: ${remedy}`;
export const refused =
  (reason: string): Parameter =>
  (_, __, name) =>
    `has ${name}: ${reason}`;
export const noted =
  (note: string, values: RegExp = /^/): Parameter =>
  (draft, value) => {
    if (values.test(value)) draft.warnings.push(note);
    return undefined;
  };

export const sslMode: Parameter = (draft, value) => {
  const mode = sslModes.find((known) => known === value);
  if (mode !== undefined) draft.ssl.mode = mode;
  else if (/^(allow|prefer)$/.test(value))
    return "has an sslmode that falls back to no encryption (allow, prefer): write disable, require, verify-ca or verify-full";
  else return `has an sslmode other than ${sslModes.join(", ")}`;
  return undefined;
};

export const hostAddress: Parameter = (draft, value) => {
  if (isIP(value) === 0) return "has hostaddr that is not one IP address";
  draft.hostAddress = value;
  return undefined;
};
