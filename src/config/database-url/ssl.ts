/** libpq's TLS modes, from the laxest to the strictest (PostgreSQL manual, 34.19). */
export type SslMode = "disable" | "require" | "verify-ca" | "verify-full";
export const sslModes = ["disable", "require", "verify-ca", "verify-full"] as const satisfies readonly SslMode[];

export const tlsVersions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;

/** The TLS parameters of a URL. Files are in PEM format. */
export interface SslSettings {
  mode?: SslMode;
  /** JDBC's `ssl=true`: at least `require`. */
  required?: boolean;
  /** A file, or `system` for the certificate authorities that Node trusts. */
  rootCertificate?: string;
  certificate?: string;
  key?: string;
  keyPassword?: string;
  revocationList?: string;
  minVersion?: (typeof tlsVersions)[number];
  maxVersion?: (typeof tlsVersions)[number];
  /** TLS from the first byte on (PostgreSQL 17 and later). */
  direct?: boolean;
  /** `channel_binding=require`, which the driver does not support. */
  channelBinding?: boolean;
}

/** Returns the stricter of two modes. */
export function stricter(one: SslMode, other: SslMode): SslMode {
  return sslModes.indexOf(one) < sslModes.indexOf(other) ? other : one;
}

/** Determines the mode as libpq does (PostgreSQL manual, 34.19), and returns the settings that would have no effect. */
export function settleSsl(ssl: SslSettings): string[] {
  const { rootCertificate, certificate, key, keyPassword, revocationList, minVersion, maxVersion } = ssl;
  if (rootCertificate === "system") ssl.mode ??= "verify-full";
  if (ssl.required) ssl.mode = stricter(ssl.mode ?? "disable", "require");
  const faults: string[] = [];
  const { mode, ...settings } = ssl;
  if ((mode ?? "disable") === "disable") {
    const asked = Object.values(settings).some((value) => value !== undefined && value !== false);
    return asked ? ["has parameters of TLS without an sslmode that uses them: add sslmode=verify-full"] : [];
  }
  if (rootCertificate === "system" && mode !== "verify-full")
    faults.push(
      "has sslrootcert=system with an sslmode other than verify-full, which the system's authorities go with",
    );
  else if (rootCertificate !== undefined && mode === "require") ssl.mode = "verify-ca";
  if ((certificate === undefined) !== (key === undefined)) faults.push("has one of sslcert and sslkey: give both");
  if (keyPassword !== undefined && key === undefined) faults.push("has sslpassword without sslkey");
  if (revocationList !== undefined && ssl.mode === "require")
    faults.push("has sslcrl with an sslmode that verifies nothing: write verify-ca or verify-full");
  if (minVersion !== undefined && maxVersion !== undefined && minVersion > maxVersion)
    faults.push("has ssl_min_protocol_version above ssl_max_protocol_version");
  return faults;
}
