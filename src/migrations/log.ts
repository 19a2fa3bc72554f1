import type { Log } from "../log.ts";
import type { MigrateEvent } from "./options.ts";

/** Events as lines of a log: what is done at level info, who is waited for as a warning, the rest as debug. */
export function logEvents(log: Log): (event: MigrateEvent) => void {
  return ({ type, ...fields }) => {
    if (type === "done") log.info(fields, "migration");
    else if (type === "start") log.info(fields, "migration begins");
    else if (type === "waiting") log.warn(fields, "migration waits for a lock");
    else if (type === "retry") log.warn(fields, "migration tries again");
    else if (type === "warning") log.warn(fields, "migration");
    else log.debug(fields, `migration ${type}`);
  };
}
