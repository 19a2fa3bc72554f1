import { type SQL, sql } from "drizzle-orm";

/** The author of a change and the origin of the request, as the audit trail records them. Every write needs one. */
export interface Actor {
  /** `user:<uuid>`, `service:<name>` or `system:<job>`. */
  readonly name: string;
  /** The acting account, if the actor is one. */
  readonly userId?: string | undefined;
  /** An IP address. */
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly requestId?: string | undefined;
}

/** The actor of a job that the service runs itself. */
export const systemActor = (job: string): Actor => ({ name: `system:${job}` });

/** The actor as the audit triggers read it from the setting `audit.context`. */
export const auditContextOf = ({ name, userId, ipAddress, userAgent, requestId }: Actor): string =>
  JSON.stringify({ actor: name, userId, ipAddress, userAgent, requestId });

/**
 * An SQL expression that passes the actor to the audit triggers, until the end of the transaction.
 *
 * Put it into the RETURNING list of the statement that writes: an AFTER trigger fires at the end of its statement and
 * reads the setting, as do the triggers of cascades. This needs no extra round trip and no explicit transaction.
 */
export const setAuditContext = (actor: Actor): SQL => sql`set_config('audit.context', ${auditContextOf(actor)}, true)`;

/** The same expression of a prepared statement, whose placeholder `auditContext` takes the text of `auditContextOf`. */
export const setPreparedAuditContext: SQL<string> = sql<string>`set_config('audit.context', ${sql.placeholder("auditContext")}::text, true)`;
