/** The decoded parts of a connection URI; `authority` stays encoded. */
export interface UrlParts {
  readonly authority: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

const form =
  "must be a URL such as postgres://user:password@host:5432/database, with the characters / ? # @ % of a password " +
  "written as %2F %3F %23 %40 %25";

/** Other notations, each with its remedy. */
const otherForms: readonly (readonly [RegExp, string])[] = [
  [/^jdbc:/i, "is a JDBC URL: leave jdbc: out, and write postgresql://user:password@host:5432/database"],
  [/^psql\b/i, "is a command: leave the word psql and the quotes out"],
  [/^["'`]/, "is in quotes: leave them out"],
  [/^postgres(ql)?\+\w+:/i, "names a driver of another language: write postgresql:// without it"],
  [/^(prisma|prisma\+postgres):/i, "is Prisma's proxy: write the postgres:// URL of the database itself"],
  [
    /^\s*\w+\s*=/,
    "is libpq's keyword/value form: write it as a URL, postgres://user:password@host:5432/database?sslmode=require",
  ],
];

/**
 * Splits a connection URI by the grammar of libpq (conninfo_uri_parse_options in fe-connect.c). It differs from that of
 * web URLs: the host may be empty, a folder, or in a parameter.
 *
 * A misplaced @ or slash is refused, because it is probably part of an unencoded password, which messages would show as
 * a host, a database or a parameter.
 *
 * @returns the parts, or the fault without any value
 */
export function splitUrl(text: string): UrlParts | string {
  const scheme = /^postgres(ql)?:\/\//i.exec(text)?.[0];
  if (scheme === undefined) return otherForms.find(([pattern]) => pattern.test(text))?.[1] ?? form;
  if (/\p{Cc}/u.test(text)) return "holds a line break or another control character: leave it out";
  const rest = text.slice(scheme.length);
  const userEnd = /^[^@/]*@/.exec(rest)?.[0].length ?? 0;
  const [address = "", ...queries] = rest.slice(userEnd).split("?");
  const slash = address.indexOf("/");
  const hosts = slash < 0 ? address : address.slice(0, slash);
  const path = slash < 0 ? "" : address.slice(slash + 1);
  const query = queries.join("?");
  if (/[/@#]/.test(path) || /[@#]/.test(query) || /[@#]/.test(hosts)) return form;
  if (/^[^[]*:.*:/.test(hosts) && !hosts.includes(","))
    return "has an IPv6 address without brackets: write postgres://user:password@[::1]:5432/database";
  const found = hosts.includes(",") ? ["", hosts, undefined] : /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/.exec(hosts);
  if (found === null) return form;
  const user = rest.slice(0, Math.max(0, userEnd - 1));
  const colon = user.indexOf(":");
  try {
    return {
      authority: rest.slice(0, userEnd) + hosts,
      user: decode(colon < 0 ? user : user.slice(0, colon)),
      password: colon < 0 ? undefined : decode(user.slice(colon + 1)),
      host: decode(found[1] ?? "").replace(/^\[(.*)\]$/, "$1"),
      port: found[2] ?? "",
      database: decode(path),
      parameters: query.split("&").filter(Boolean).map(parameterOf),
    };
  } catch {
    return form;
  }
}

function parameterOf(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  const name = decode(equals < 0 ? text : text.slice(0, equals));
  // Messages show names, so only plain ones are accepted.
  if (equals < 0 || !/^[\w.-]{1,63}$/.test(name)) throw new URIError();
  return [name, decode(text.slice(equals + 1))];
}

/** @throws {URIError} for invalid percent-encoding or UTF-8, and for NUL, which terminates a string of the protocol */
function decode(text: string): string {
  const decoded = decodeURIComponent(text);
  if (decoded.includes("\0")) throw new URIError();
  return decoded;
}
