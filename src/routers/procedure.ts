import { getTRPCErrorFromUnknown } from "@trpc/server";
import type { AccessRule, ProcedureAccess } from "./access-rules.ts";
import { auditActor } from "./audit-actor.ts";
import { type AuthorizedCaller, authorize, authorizeOwner } from "./authorization.ts";
import type { Context } from "./context.ts";
import { translateError } from "./error-translation.ts";
import { withRequestDeadline } from "./request-deadline.ts";
import { t } from "./trpc.ts";

/**
 * Begins a procedure for these callers: `procedureFor("service").input(…).query(…)`.
 *
 * Every procedure begins here or with `ownedProcedureFor`, so none is without access rules. Both check the rules,
 * set `ctx.caller` and `ctx.actor` (of the audit trail), limit the time, and translate errors.
 */
export function procedureFor(...rules: [Exclude<AccessRule, "owner">, ...Exclude<AccessRule, "owner">[]]) {
  return begin({ rules, isOwned: false }, async ({ ctx }) => ({ caller: await authorize(ctx, rules) }));
}

/**
 * Begins a procedure that concerns one account, `ctx.ownerId`: the one that the input names as `userId` or `id`, or
 * else the caller's own. Moderators may act on their own account and on those of players only.
 *
 * @example ownedProcedureFor("owner", "moderator").input(…).query(…)
 */
export function ownedProcedureFor(...rules: [AccessRule, ...AccessRule[]]) {
  return begin({ rules, isOwned: true }, async ({ ctx, getRawInput }) => {
    const caller = await authorize(ctx, rules);
    return { caller, ownerId: await authorizeOwner(ctx, { caller, rules, input: await getRawInput() }) };
  });
}

function begin<Authorized extends { caller: AuthorizedCaller }>(
  access: ProcedureAccess,
  authorizeCall: (call: { ctx: Context; getRawInput: () => Promise<unknown> }) => Promise<Authorized>,
) {
  return t.procedure.meta(access).use(async ({ ctx, next, type, getRawInput }) => {
    const call = async () => {
      const authorized = await authorizeCall({ ctx, getRawInput });
      return next({ ctx: { ...authorized, actor: auditActor(authorized.caller, ctx) } });
    };
    // A refused authorization rejects; a procedure that fails resolves to a result with the error.
    const { requestTimeout: timeout } = ctx.services;
    const result = await withRequestDeadline(call(), { timeout, type }).catch((error: unknown) => {
      throw translateError(getTRPCErrorFromUnknown(error));
    });
    if (!result.ok) throw translateError(result.error);
    return result;
  });
}
