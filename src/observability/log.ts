import { type DestinationStream, type LogFn, type Logger, pino } from "pino";

export type Log = Logger;

/** Fields whose values are redacted, up to three levels deep. */
const secretFields = [
  ...["password", "currentPassword", "newPassword", "passwordHash", "password_hash"],
  ...["token", "accessToken", "refreshToken", "deviceToken", "tokenHash", "token_hash", "authorization", "cookie"],
  ...["secret", "jwtSecret", "jwtSecrets", "encryptionKeys", "recoveryCode", "recoveryCodes", "challenge"],
];
const redact = secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`, `*.*.*.${field}`]);

/**
 * Creates the log, with lines of JSON. Errors are logged without the SQL, the parameters and the row details of a database
 * error.
 *
 * @param options.destination standard output by default
 */
export function createLog(options: { level: string; destination?: DestinationStream }): Log {
  const settings = {
    level: options.level,
    base: null,
    redact: { paths: redact, censor: "[redacted]" },
    serializers: { err: describeError },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { logMethod },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

/** Returns a destination that writes readable lines to a developer's terminal. */
export async function openTerminal(): Promise<DestinationStream> {
  // Production does not load it.
  const { default: pretty } = await import("pino-pretty");
  return pretty({ translateTime: "SYS:HH:MM:ss.l", ignore: "pid,hostname", singleLine: true, sync: true });
}

/** Sets a fixed message on lines without one. pino would use the message of the error, which may contain data. */
function logMethod(this: Logger, [subject, ...rest]: Parameters<LogFn>, method: LogFn): void {
  const fields = subject instanceof Error ? { err: subject } : subject;
  const [message = "failed", ...values] = rest;
  method.apply(
    this,
    typeof fields === "object" && fields !== null && "err" in fields
      ? [fields, message, ...values]
      : [subject, ...rest],
  );
}

/** Returns the fields of an error that the log may contain. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const database = postgresError(error);
  const described = {
    type: error.name,
    message: database === undefined ? safeMessage(error) : undefined,
    stack: framesOf(error),
    cause: error.cause === undefined || database === error.cause ? undefined : describeError(error.cause),
  };
  if (database === undefined) return described;
  const { code, severity, table_name, column_name, constraint_name, routine } = database;
  return {
    ...described,
    sqlstate: code,
    severity,
    table_name,
    column_name,
    constraint_name,
    routine,
    condition: condition(database),
  };
}

/**
 * Returns PostgreSQL's message with the SQLSTATE, such as `permission denied for table users (42501)`. Without the message
 * where it may quote values; undefined for another error.
 */
export function describeDatabaseError(error: unknown): string | undefined {
  const database = error instanceof Error ? postgresError(error) : undefined;
  if (database === undefined) return undefined;
  const text = condition(database);
  return text === undefined ? `SQLSTATE ${database.code}` : `${text} (${database.code})`;
}

/** Returns the stack without its message, which may contain data and lines that look like frames. */
function framesOf({ message, stack = "" }: Error): string | undefined {
  const start = stack.indexOf(message);
  return start < 0 ? undefined : stack.slice(stack.indexOf("\n    at ", start + message.length) + 1);
}

interface PostgresErrorFields {
  code: string;
  message: string;
  severity?: string;
  table_name?: string;
  column_name?: string;
  constraint_name?: string;
  routine?: string;
}

/** Returns the PostgresError: the error itself or the one that Drizzle wrapped. */
function postgresError(error: Error): PostgresErrorFields | undefined {
  for (const candidate of [error, error.cause]) {
    if (candidate instanceof Error && candidate.name === "PostgresError")
      return candidate as Error & PostgresErrorFields;
  }
  return undefined;
}

/** Omits messages of class 22 (data exception) and of RAISE, which quote values. Other messages contain names only. */
function condition(error: PostgresErrorFields): string | undefined {
  return /^(22|P0)/.test(error.code) ? undefined : error.message;
}

/** Replaces the message of Drizzle, which contains the query and its parameters. */
function safeMessage(error: Error): string {
  return error.message.startsWith("Failed query:") ? "a query failed" : error.message;
}
