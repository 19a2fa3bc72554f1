import type { Log } from "../observability/index.ts";
import { type MigrationError, StatementError } from "./errors.ts";
import type { MigrateEvent } from "./options.ts";

/**
 * Returns a listener that writes events to the log. Failures are logged as errors; server warnings, lock waits and
 * retries as warnings; starts, results and server notices as info; statements as trace, because a new database takes hundreds.
 */
export function logEvents(log: Log): (event: MigrateEvent) => void {
  return ({ type, ...fields }) => {
    if ("error" in fields && fields.error !== undefined)
      log.error({ ...fields, error: fieldsOf(fields.error) }, "migration failed");
    else if (type === "done") log.info(fields, "migration");
    else if (type === "start") log.info(fields, "migration started");
    else if (type === "waiting") log.warn(fields, "migration waits for a lock");
    else if (type === "retry") log.warn(fields, "migration retries");
    else if (type === "warning") log.warn(fields, "migration");
    else if (type === "notice" && "severity" in fields)
      log[fields.severity === "WARNING" ? "warn" : "info"](fields, "migration notice");
    else log.trace(fields, `migration ${type}`);
  };
}

/** The first line and the searchable fields of an error; the command itself prints the full message. */
function fieldsOf(error: MigrationError) {
  const [message] = error.message.split("\n");
  if (!(error instanceof StatementError)) return { message };
  const { file, line, column } = error.place;
  return { message, sqlstate: error.sqlstate, file, line, column };
}
