import { getTRPCErrorFromUnknown } from "@trpc/server";
import type { Actor } from "../database/index.ts";
import { withDeadline } from "../deadline.ts";
import { ForbiddenError, InvalidInputError, NotFoundError, UnauthenticatedError, UnavailableError } from "../errors.ts";
import type { UserRole } from "../repositories/index.ts";
import type { Context } from "./context.ts";
import { fromDomainError, translate } from "./error-translation.ts";
import { type ProcedureAccess, t } from "./trpc.ts";

/**
 * Who may call a procedure. An account is a `user`, and by its role a `moderator` too, or an `admin`, who may whatever
 * a moderator may. `self`: an account, for itself.
 */
export type Rule = "anonymous" | "self" | "user" | "moderator" | "admin" | "service";

/** Who calls, once they were let in. */
export type Admitted =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly id: string; readonly role: UserRole }
  | { readonly kind: "service"; readonly name: string };

/** What each role may do beside what it is called after. */
const ranks: Record<UserRole, readonly Rule[]> = {
  user: ["user", "self"],
  moderator: ["user", "self", "moderator"],
  admin: ["user", "self", "moderator", "admin"],
};

/**
 * Begins a procedure that the callers named may call: `allow("service").input(…).query(…)`. There is
 * no other way to begin one, so none is without a rule; `meta` shows it to the access matrix.
 *
 * Every procedure gets here what all share: its rule checked, who acts (`ctx.by`), a bound on its time, and errors
 * that speak the caller's language.
 */
export function allow(...callers: [Exclude<Rule, "self">, ...Exclude<Rule, "self">[]]) {
  return begin({ allow: callers, about: false }, async (ctx) => ({ caller: await admit(ctx, callers) }));
}

/**
 * Begins a procedure about one account, `ctx.subject`: the one that the input names as `userId` or `id`, else the
 * caller's own. Moderators may do nothing to moderators and administrators but themselves.
 */
export function about(...callers: [Rule, ...Rule[]]) {
  return begin({ allow: callers, about: true }, async (ctx, getRawInput) => {
    const caller = await admit(ctx, callers);
    const named = accountIn(await getRawInput());
    const subject = named ?? (caller.kind === "user" ? caller.id : undefined);
    // What is no id, the procedure's own input refuses.
    if (subject === undefined) throw new InvalidInputError("userId: is needed: whose?", { field: "userId" });
    if (caller.kind === "user" && !(callers.includes("self") && subject === caller.id))
      await requireRank(ctx, caller, { callers, subject });
    return { caller, subject };
  });
}

function begin<Known extends { caller: Admitted }>(
  rule: ProcedureAccess,
  know: (ctx: Context, getRawInput: () => Promise<unknown>) => Promise<Known>,
) {
  return t.procedure.meta(rule).use(async ({ ctx, next, type, getRawInput }) => {
    const call = async () => {
      const known = await know(ctx, getRawInput);
      return next({ ctx: { ...known, by: actorOf(known.caller, ctx) } });
    };
    // What stops the caller at the door is thrown; what the procedure fails with is a result.
    const result = await withDeadline(ctx.parts.requestTimeout, call(), () => late(type)).catch((error: unknown) => {
      throw translate(getTRPCErrorFromUnknown(error));
    });
    if (!result.ok) throw translate(result.error);
    return result;
  });
}

/**
 * Lets a caller in. What an account may do is read at every call: a role that was taken away, a ban, count at once.
 *
 * @throws {UnauthenticatedError} @throws {ForbiddenError}
 */
async function admit({ caller, parts }: Context, allowed: readonly Rule[]): Promise<Admitted> {
  if (caller instanceof UnauthenticatedError) throw caller;
  if (allowed.includes("anonymous")) return caller.kind === "user" ? { kind: "anonymous" } : caller;
  if (caller.kind === "anonymous") {
    throw new UnauthenticatedError("This procedure needs an access token: send it as `Authorization: Bearer <token>`.");
  }
  if (caller.kind === "service") {
    if (allowed.includes("service")) return caller;
    throw new ForbiddenError("This procedure is not for a service.");
  }
  const standing = await parts.users.statusOf(caller.id);
  if (standing === undefined || standing.deleted)
    throw new UnauthenticatedError("The account of this access token is gone.");
  if (standing.status !== "active") throw new ForbiddenError(`This account is ${standing.status}.`);
  const { role } = standing;
  if (!ranks[role].some((rule) => allowed.includes(rule))) {
    throw new ForbiddenError(`This procedure is not for ${role === "admin" ? "an admin" : `a ${role}`}.`);
  }
  return { ...caller, role };
}

/** The account that an input names. Looked at before the input is parsed, so it may be anything. */
function accountIn(input: unknown): string | undefined {
  if (typeof input !== "object" || input === null) return undefined;
  const { userId, id } = input as Record<string, unknown>;
  const named = userId ?? id;
  if (named == null) return undefined;
  return typeof named === "string" ? named.toLowerCase() : "not an id";
}

/** @throws {ForbiddenError} for what is not theirs to do to this account @throws {NotFoundError} for one that is not there, or deleted */
async function requireRank(
  { parts }: Context,
  caller: Admitted & { kind: "user" },
  { callers, subject }: { callers: readonly Rule[]; subject: string },
): Promise<void> {
  if (!ranks[caller.role].some((rule) => rule !== "self" && callers.includes(rule))) {
    throw new ForbiddenError("You may do this for your own account alone.");
  }
  if (!isId(subject)) return;
  const standing = await parts.users.statusOf(subject);
  if (standing === undefined || standing.deleted) throw new NotFoundError("There is no such user.");
  if (caller.role !== "admin" && standing.role !== "user")
    throw new ForbiddenError("Only an administrator may do this to a moderator or an administrator.");
}

const isId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/** What the audit trail will say of a change that the caller makes. */
function actorOf(caller: Admitted, { requestId, ipAddress, userAgent }: Context): Actor {
  const from = { ipAddress, userAgent, requestId };
  if (caller.kind === "user") return { name: `user:${caller.id}`, userId: caller.id, ...from };
  return { name: caller.kind === "service" ? `service:${caller.name}` : "anonymous", ...from };
}

/** Queries queue while the database is away, and nobody waits for ever. What was sent is not called back. */
function late(type: string): Error {
  const remedy =
    type === "query"
      ? "Try again in a few seconds."
      : "The change may have been made, or may yet be: look before you repeat it.";
  return fromDomainError(new UnavailableError(`The database did not answer in time. ${remedy}`));
}
