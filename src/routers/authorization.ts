import { ForbiddenError, InvalidInputError, NotFoundError, UnauthenticatedError } from "../errors.ts";
import type { Caller } from "../identity/index.ts";
import { Admission, type UserRole } from "../repositories/index.ts";
import { isUuid } from "../validation/index.ts";
import {
  isAdmitted,
  mayActOn,
  type ProcedureAccess,
  requiresRecentAuthentication,
  rolesOverAll,
} from "./access-rules.ts";
import type { Context } from "./context.ts";
import { admitRecentAuthentication, admitStage } from "./session-admission.ts";

/** A caller with the token of a session. */
type User = Extract<Caller, { kind: "user" }>;

/** The caller of a procedure after authorization. */
export type AuthorizedCaller =
  | { readonly kind: "anonymous" }
  | {
      readonly kind: "user";
      readonly id: string;
      readonly role: UserRole;
      readonly sessionId: string;
      /** Whether the owner has proved their identity in this session within the last 10 minutes. */
      readonly recentlyAuthenticated: boolean;
    }
  | { readonly kind: "service"; readonly name: string };

export const isAdmin = (caller: AuthorizedCaller): boolean => caller.kind === "user" && caller.role === "admin";

/**
 * Returns the caller if one of the rules admits it. Account and session are read at every call, so that a ban, a change of
 * role or the end of a session takes effect immediately.
 *
 * @throws {UnauthenticatedError} without a valid token of a live session
 * @throws {ForbiddenError} if no rule admits the caller, or its account is not active
 * @throws {InsufficientAuthenticationError} if the session is of a stage that the procedure is not open to
 */
export async function authorize(
  { caller, services }: Context,
  { rules, stages }: Pick<ProcedureAccess, "rules" | "stages">,
): Promise<AuthorizedCaller> {
  // A client sends its expired access token with the call that refreshes it, too.
  if (rules.includes("anonymous"))
    return "kind" in caller && caller.kind === "service" ? caller : { kind: "anonymous" };
  if (caller instanceof UnauthenticatedError) throw caller;
  if (caller.kind === "anonymous") {
    throw new UnauthenticatedError("This procedure needs an access token: send it as `Authorization: Bearer <token>`.");
  }
  if (caller.kind === "service") {
    if (rules.includes("service")) return caller;
    throw new ForbiddenError("This procedure is not for a service.");
  }
  const account = await services.sessions.findForAdmission(caller.id, caller.sessionId);
  if (account === undefined || account.deleted)
    throw new UnauthenticatedError("The account of this access token is gone.");
  if (account.status !== "active") throw new ForbiddenError(`This account is ${account.status}.`);
  const { role, stage, recentlyAuthenticated } = account;
  if (stage === null) throw new UnauthenticatedError("The session of this access token has ended: sign in again.");
  admitStage(stage, stages);
  if (!rules.includes("owner") && !isAdmitted(role, rules))
    throw new ForbiddenError(`This procedure is not for ${role === "admin" ? "an admin" : `a ${role}`}.`);
  return { ...caller, role, recentlyAuthenticated: recentlyAuthenticated === true };
}

/**
 * Returns the account that an owned procedure concerns: the one that the input names as `userId` or `id`, or else the
 * caller's own.
 *
 * @throws {InvalidInputError} if neither exists
 * @throws {ForbiddenError} if the caller may not act on this account
 * @throws {NotFoundError} if the account does not exist or is deleted
 * @throws {InsufficientAuthenticationError} if the caller's own account requires a recent authentication
 */
export async function authorizeOwner(
  ctx: Context,
  { caller, access, input }: { caller: AuthorizedCaller; access: ProcedureAccess; input: unknown },
): Promise<string> {
  const { rules, recent } = access;
  const ownerId = accountNamedBy(input) ?? (caller.kind === "user" ? caller.id : undefined);
  if (ownerId === undefined)
    throw new InvalidInputError("userId: is required: this caller has no account of its own.", { field: "userId" });
  if (caller.kind !== "user") return ownerId;
  if (ownerId === caller.id && requiresRecentAuthentication(recent, input, caller.sessionId))
    admitRecentAuthentication(caller.recentlyAuthenticated);
  if (rules.includes("owner") && ownerId === caller.id) return ownerId;
  if (!isAdmitted(caller.role, rules)) throw new ForbiddenError("You may do this for your own account only.");
  // The input schema of the procedure refuses anything else than a UUID.
  if (!isUuid(ownerId)) return ownerId;
  const owner = await ctx.services.users.statusOf(ownerId);
  if (owner === undefined || owner.deleted) throw new NotFoundError("There is no such user.");
  if (!mayActOn(caller.role, owner.role))
    throw new ForbiddenError("Only an administrator may do this to a moderator or an administrator.");
  return ownerId;
}

/**
 * Returns the admission by which a statement checks the access of a user itself, and the account that the call concerns.
 * Undefined where access depends on the role of the other account: then `authorizeOwner` must look before.
 *
 * @param options.confirm authorizes the call by look-ups
 */
export function admissionOf(
  caller: User,
  { access, input, confirm }: { access: ProcedureAccess; input: unknown; confirm: Admission["confirm"] },
): { admission: Admission; caller: User; ownerId: string } | undefined {
  const ownerId = accountNamedBy(input) ?? caller.id;
  const isOwn = ownerId === caller.id;
  const { rules, stages, recent } = access;
  const roles = isOwn && rules.includes("owner") ? undefined : rolesOverAll(rules);
  if (roles?.length === 0) return undefined;
  const admission = new Admission({
    rules: { roles, stages, recent: isOwn && requiresRecentAuthentication(recent, input, caller.sessionId) },
    values: { callerId: caller.id, callerSessionId: caller.sessionId },
    confirm,
  });
  return { admission, caller, ownerId };
}

/** The account that an input names. The input has not been validated yet. */
function accountNamedBy(input: unknown): string | undefined {
  if (typeof input !== "object" || input === null) return undefined;
  const { userId, id } = input as Record<string, unknown>;
  const named = userId ?? id;
  if (named == null) return undefined;
  return typeof named === "string" ? named.toLowerCase() : "not an id";
}
