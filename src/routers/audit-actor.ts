import type { Actor } from "../database/index.ts";
import type { AuthorizedCaller } from "./authorization.ts";
import type { Context } from "./context.ts";

/** The actor that the audit trail records for changes of this caller. */
export function auditActor(caller: AuthorizedCaller, { requestId, ipAddress, userAgent }: Context): Actor {
  const origin = { ipAddress, userAgent, requestId };
  if (caller.kind === "user") return { name: `user:${caller.id}`, userId: caller.id, ...origin };
  return { name: caller.kind === "service" ? `service:${caller.name}` : "anonymous", ...origin };
}
