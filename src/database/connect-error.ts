import { OperatorError } from "../errors.ts";
import { codeOf, isUnavailable } from "./error-code.ts";
import { sqlstate } from "./sqlstate.ts";

/** The database is unreachable or refuses the connection. The message names the endpoint, the reason and the remedy. */
export class ConnectError extends OperatorError {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** A failed attempt to connect. */
export interface ConnectAttempt {
  readonly host: string;
  readonly database: string;
  readonly ssl: string;
  /** The role that the connection assumes. */
  readonly role?: string | undefined;
  /** Duration of the attempt (ms). */
  readonly waited: number;
  /** The setting or option that names the database; `DATABASE_URL` by default. */
  readonly setting?: string | undefined;
}

/** Messages of the server are translated, and names are not. */
const isAboutRole = (error: unknown, role: string) => error instanceof Error && error.message.includes(`"${role}"`);

/** Returns the sentence for the operator: why the connection failed, and which setting to check. */
export function explainConnectError(
  error: unknown,
  { host, database, ssl, role, waited, setting = "DATABASE_URL" }: ConnectAttempt,
): string {
  const code = codeOf(error);
  const place = `PostgreSQL at ${host}`;
  if (code === sqlstate.invalidPassword || code === sqlstate.invalidAuthorizationSpecification)
    return `${place} refused the user or password: check ${setting}.`;
  if (role !== undefined && code === sqlstate.invalidParameterValue && isAboutRole(error, role))
    return `${place} has no role "${role}": check DATABASE_ROLE, or create it with: aeturnis-data role grant ${role} --create`;
  if (role !== undefined && code === sqlstate.insufficientPrivilege && isAboutRole(error, role))
    return `${place} does not let this login assume the role "${role}" of DATABASE_ROLE: grant ${role} to <login>;`;
  if (code === sqlstate.invalidCatalogName)
    return `${place} has no database "${database}": create it, or check ${setting}.`;
  // PgBouncer reports a setting that it does not pass on in this way.
  if (code === sqlstate.protocolViolation && error instanceof Error && /startup parameter/.test(error.message)) {
    return `${place} is a connection pooler that refuses the service's settings (${error.message}): set DATABASE_POOLER=transaction.`;
  }
  if (code !== undefined && isUnavailable(error)) {
    const speaksTls = ssl === "disable" ? "" : `, and does it speak TLS (DATABASE_SSL=${ssl})`;
    return `${place} was not reached within ${Math.round(waited / 1000)} s (${code}): is it running, is ${setting} right${speaksTls}?`;
  }
  // Before authentication the server's message contains names only, no data.
  const text = error instanceof Error ? error.message : String(error);
  const reason = code === undefined ? text : `${code}: ${text}`;
  return `${place} could not be used (${reason}): check ${setting}, DATABASE_SSL and DATABASE_CA_FILE.`;
}
