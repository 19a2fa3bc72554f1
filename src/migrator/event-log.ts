import type { Log } from "../observability/index.ts";
import { type MigrationError, StatementError } from "./errors.ts";
import type { MigrateEvent } from "./options.ts";

/**
 * Events as lines of a log: what is done and what the server notes at level info, failures as errors, the server's
 * warnings and who is waited for as warnings, the rest as debug.
 */
export function logEvents(log: Log): (event: MigrateEvent) => void {
  return ({ type, ...fields }) => {
    if ("error" in fields && fields.error !== undefined)
      log.error({ ...fields, error: fieldsOf(fields.error) }, "migration failed");
    else if (type === "done") log.info(fields, "migration");
    else if (type === "start") log.info(fields, "migration begins");
    else if (type === "waiting") log.warn(fields, "migration waits for a lock");
    else if (type === "retry") log.warn(fields, "migration tries again");
    else if (type === "warning") log.warn(fields, "migration");
    else if (type === "notice" && "severity" in fields)
      log[fields.severity === "WARNING" ? "warn" : "info"](fields, "migration notice");
    else log.debug(fields, `migration ${type}`);
  };
}

/** What a search in a log would look for; the whole text is the command's. */
function fieldsOf(error: MigrationError) {
  const [message] = error.message.split("\n");
  if (!(error instanceof StatementError)) return { message };
  const { file, line, column } = error.place;
  return { message, sqlstate: error.sqlstate, file, line, column };
}
