/** TLS to the database: none, encrypted, or encrypted with the server's certificate and name verified. */
export type SslMode = "disable" | "require" | "verify-full";
export const sslModes = ["disable", "require", "verify-full"] as const satisfies readonly SslMode[];

/**
 * Whether a text is the address of a PostgreSQL database, every part of which can be read. An @ or a
 * slash where none belongs is the rest of a password that was not escaped: it would be taken for a host
 * or a database, and show up in the log.
 */
export function isDatabaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    /^postgres(ql)?:$/.test(url.protocol) &&
    url.hostname !== "" &&
    /^\/[^/@]+$/.test(url.pathname) &&
    url.hash === "" &&
    !url.search.includes("@") &&
    [url.username, url.password, url.pathname].every(isDecodable)
  );
}

/** Whether the address says nothing of TLS, or what we know: to take another mode for none would drop TLS in silence. */
export function hasKnownSslMode(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { searchParams } = new URL(text);
  const given = searchParams.getAll("sslmode");
  return (
    !searchParams.has("ssl") && given.length <= 1 && given.every((mode) => sslModes.some((known) => known === mode))
  );
}

/** libpq's `?sslmode=`, for those who ask for TLS there. */
export function sslModeOf(url: string): SslMode | undefined {
  return (new URL(url).searchParams.get("sslmode") as SslMode | null) ?? undefined;
}

/** The address without `sslmode`, which the configuration has read. */
export function withoutSslMode(url: string): string {
  const parsed = new URL(url);
  parsed.searchParams.delete("sslmode");
  return parsed.href;
}

export function isLocal(url: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(new URL(url).hostname);
}

/** Host and database, without user and password: what may be said of an address. */
export function locate(url: string): { host: string; database: string } {
  const { host, pathname } = new URL(url);
  return { host, database: decodeURIComponent(pathname.slice(1)) };
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
