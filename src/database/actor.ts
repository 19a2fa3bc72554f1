import { type SQL, sql } from "drizzle-orm";

/** Who changes something, and from where: what the audit trail says of a change. No write goes without one. */
export interface Actor {
  /** `user:<uuid>`, `service:<name>` or `system:<job>`. */
  readonly name: string;
  /** The account that acts, where it is one. */
  readonly userId?: string | undefined;
  /** An IP address. */
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly requestId?: string | undefined;
}

/** A job of ours that acts by itself. */
export const systemActor = (job: string): Actor => ({ name: `system:${job}` });

/**
 * Tells the trigger that records a change who made it. It stands in the RETURNING of the very statement that
 * changes: a trigger that fires at the statement's end sees it, those of cascades too, and no round trip and no
 * transaction of its own is needed. It holds until the transaction ends.
 */
export function recordedAs({ name, userId, ipAddress, userAgent, requestId }: Actor): SQL {
  const context = JSON.stringify({ actor: name, userId, ipAddress, userAgent, requestId });
  return sql`set_config('audit.context', ${context}, true)`;
}
