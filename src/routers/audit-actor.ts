import type { Actor } from "../database/index.ts";
import type { Caller } from "../identity/index.ts";
import type { Context } from "./context.ts";

/** Where a request comes from. */
export const originOf = ({ requestId, ipAddress, userAgent }: Context): Omit<Actor, "name" | "userId"> => ({
  ipAddress,
  userAgent,
  requestId,
});

/** The actor that the audit trail records for changes of this caller. */
export function auditActor(caller: Caller, ctx: Context): Actor {
  const origin = originOf(ctx);
  if (caller.kind === "user") return { name: `user:${caller.id}`, userId: caller.id, ...origin };
  return { name: caller.kind === "service" ? `service:${caller.name}` : "anonymous", ...origin };
}
