import { OperatorError } from "../errors.ts";
import { codeOf, isUnavailable } from "./retry.ts";

/** The database could not be reached, or would not have us. The message says where, why, and the remedy. */
export class ConnectError extends OperatorError {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
  }
}

/** Why no connection came about, and what to look at. */
export function explain(
  error: unknown,
  {
    host,
    database,
    ssl,
    waited,
    setting = "DATABASE_URL",
  }: {
    host: string;
    database: string;
    ssl: string;
    waited: number;
    /** What named the database. */
    setting?: string | undefined;
  },
): string {
  const code = codeOf(error);
  const place = `PostgreSQL at ${host}`;
  if (code === "28P01" || code === "28000") return `${place} refused the user or password: check ${setting}.`;
  if (code === "3D000") return `${place} has no database "${database}": create it, or check ${setting}.`;
  // PgBouncer's word for a setting that it does not pass on.
  if (code === "08P01" && error instanceof Error && /startup parameter/.test(error.message)) {
    return `${place} is a connection pooler that refuses the service's settings (${error.message}): set DATABASE_POOLER=transaction.`;
  }
  if (code !== undefined && isUnavailable(error)) {
    const speaksTls = ssl === "disable" ? "" : `, and does it speak TLS (DATABASE_SSL=${ssl})`;
    return `${place} was not reached within ${Math.round(waited / 1000)} s (${code}): is it running, is ${setting} right${speaksTls}?`;
  }
  // What a server says to a stranger holds nothing but names.
  const text = error instanceof Error ? error.message : String(error);
  const reason = code === undefined ? text : `${code}: ${text}`;
  return `${place} could not be used (${reason}): check ${setting}, DATABASE_SSL and DATABASE_CA_FILE.`;
}
