import { getTRPCErrorFromUnknown, type TRPCError } from "@trpc/server";
import { UnauthenticatedError } from "../errors.ts";
import type { Caller } from "../identity/index.ts";
import type { Admission } from "../repositories/index.ts";
import type { AccessRule, ProcedureAccess } from "./access-rules.ts";
import { auditActor } from "./audit-actor.ts";
import { admissionOf, authorize, authorizeOwner } from "./authorization.ts";
import type { Context } from "./context.ts";
import { translateError } from "./error-translation.ts";
import { t } from "./trpc.ts";

/**
 * Begins a procedure for these callers: `procedureFor("service").input(…).query(…)`.
 *
 * Every procedure begins here or with `ownedProcedureFor`, so none is without access rules. Both check the rules,
 * set `ctx.caller` and `ctx.actor` (of the audit trail), limit the time, and translate errors.
 */
export function procedureFor(...rules: CallerRules) {
  return unownedProcedure({ ...defaults, rules, isOwned: false });
}

/** Begins a procedure that checks a password or a code. Two of them in one batch are refused. */
export function credentialProcedureFor(...rules: CallerRules) {
  return unownedProcedure({ ...defaults, rules, isOwned: false, isCredential: true });
}

type CallerRule = Exclude<AccessRule, "owner">;
type CallerRules = [CallerRule, ...CallerRule[]];

function unownedProcedure(access: ProcedureAccess) {
  return begin(access, async ({ ctx }) => ({ caller: await authorize(ctx, access) }));
}

/**
 * Begins a procedure that concerns one account, `ctx.ownerId`: the one that the input names as `userId` or `id`, or
 * else the caller's own. Moderators may act on their own account and on those of players only.
 *
 * @example ownedProcedureFor("owner", "moderator").input(…).query(…)
 */
export function ownedProcedureFor(...rules: [AccessRule, ...AccessRule[]]) {
  return ownedProcedure({ rules });
}

/**
 * Begins a procedure like `ownedProcedureFor`, with further rules for the caller's session.
 *
 * @example ownedProcedure({ rules: ["owner"], recent: "always" }).input(…).mutation(…)
 */
export function ownedProcedure(given: Pick<ProcedureAccess, "rules"> & Partial<typeof defaults>) {
  const access: ProcedureAccess = { ...defaults, ...given, isOwned: true };
  return begin(access, (call) => authorizeOwned(call, access));
}

/**
 * Begins an owned procedure whose statement must check the access of a user: it is given `ctx.admission`, which is
 * undefined where the access is checked already. That saves the look-up before the statement. `ctx.authorize` does look the
 * caller up, for a procedure that depends on its role.
 *
 * A call that fails is authorized by look-ups before its error is returned, so that a caller that may not make it learns
 * nothing else.
 */
export function ownedStatement(given: Pick<ProcedureAccess, "rules"> & Partial<typeof defaults>) {
  const access: ProcedureAccess = { ...defaults, ...given, isOwned: true };
  return begin(access, async (call) => {
    let authorized: ReturnType<typeof authorizeOwned> | undefined;
    const authorize = () => {
      authorized ??= authorizeOwned(call, access);
      return authorized;
    };
    const { caller } = call.ctx;
    if (caller instanceof UnauthenticatedError || caller.kind !== "user")
      return { ...(await authorize()), admission: undefined, authorize };
    // An input that cannot be read fails after the caller is authorized.
    const input = await call.getRawInput().catch(() => undefined);
    const checked = admissionOf(caller, { access, input, confirm: authorize }) ?? (await authorize());
    return { admission: undefined, ...checked, authorize };
  });
}

async function authorizeOwned({ ctx, getRawInput }: Call, access: ProcedureAccess) {
  const caller = await authorize(ctx, access);
  return { caller, ownerId: await authorizeOwner(ctx, { caller, access, input: await getRawInput() }) };
}

/**
 * Begins a procedure that concerns nothing but the caller's own account and session: `ctx.caller` and `ctx.session`.
 *
 * @example ownProcedure({ stages: ["password_change"], recent: "always" }).input(…).mutation(…)
 */
export function ownProcedure(given: Partial<typeof defaults> = {}) {
  const access: ProcedureAccess = { ...defaults, ...given, rules: ["owner"], isOwned: true };
  return begin(access, async ({ ctx, getRawInput }) => {
    const caller = await authorize(ctx, access);
    await authorizeOwner(ctx, { caller, access, input: await getRawInput() });
    if (caller.kind !== "user") throw new TypeError("the rule `owner` admitted a caller without an account");
    return { caller, session: { userId: caller.id, sessionId: caller.sessionId } };
  });
}

/** A procedure is open to sessions of stage `full`, however long ago they were authenticated. */
const defaults: Pick<ProcedureAccess, "stages" | "recent" | "isCredential"> = {
  stages: [],
  recent: "never",
  isCredential: false,
};

interface Call {
  readonly ctx: Context;
  readonly getRawInput: () => Promise<unknown>;
}

function begin<Authorized extends { caller: Caller; admission?: Admission | undefined }>(
  access: ProcedureAccess,
  authorizeCall: (call: Call) => Promise<Authorized>,
) {
  return t.procedure.meta(access).use(async ({ ctx, next, path, type, getRawInput }) => {
    const { calls, requestDeadline } = ctx.services;
    const started = performance.now();
    const observe = (code: string) => calls.observe(path, code, performance.now() - started);
    const fail = (error: TRPCError): never => {
      const translated = translateError(error);
      observe(translated.code);
      throw translated;
    };
    const call = async () => {
      const authorized = await authorizeCall({ ctx, getRawInput });
      const result = await next({ ctx: { ...authorized, actor: auditActor(authorized.caller, ctx) } });
      const { admission } = authorized;
      if (!result.ok) await admission?.confirm();
      else if (admission?.isChecked === false) throw new TypeError("no statement has checked the caller's admission");
      return result;
    };
    // A refused authorization rejects; a procedure that fails resolves to a result with the error.
    const result = await requestDeadline(call(), type).catch((error: unknown) => fail(getTRPCErrorFromUnknown(error)));
    if (!result.ok) return fail(result.error);
    observe("OK");
    return result;
  });
}
