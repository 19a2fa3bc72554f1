import type { SessionStage, UserRole } from "../repositories/index.ts";
import { userRoles } from "../schema/index.ts";

/**
 * Who may call a procedure. `anonymous`: every caller. A role: accounts with it or a higher one. `owner`: an account,
 * for its own data. `service`: a back end with a token of its own.
 */
export type AccessRule = "anonymous" | "owner" | UserRole | "service";

/** The access rules of one procedure, stored as its `meta`. */
export interface ProcedureAccess {
  readonly rules: readonly AccessRule[];
  /** Whether the procedure concerns one account, so that access also depends on whose it is. */
  readonly isOwned: boolean;
  /** Stages before `full` in which a session may call the procedure. */
  readonly stages: readonly SessionStage[];
  /** Whether the procedure checks a password or a code, so that it travels alone. */
  readonly isCredential: boolean;
  /** When the procedure requires a recent authentication for the caller's own account. */
  readonly recent: RecentAuthenticationRule;
}

/**
 * When a call for the caller's own account requires that its session was authenticated within the last 10 minutes (OWASP
 * ASVS 5.0, 7.5.1 and 7.5.2): never, always, or depending on the input and the caller's session.
 */
export type RecentAuthenticationRule =
  | "never"
  | "always"
  | { readonly when: string; readonly applies: (input: unknown, sessionId: string) => boolean };

/** Whether a call requires a recent authentication. @param input before validation */
export function requiresRecentAuthentication(rule: RecentAuthenticationRule, input: unknown, sessionId: string) {
  return typeof rule === "string" ? rule === "always" : rule.applies(input, sessionId);
}

/** The ladder of roles, lowest first: an account may do what its role and every lower one may. */
const ladder: readonly UserRole[] = userRoles;

const rankOf = (role: UserRole): number => ladder.indexOf(role);

/** Whether one of the rules admits accounts with this role. */
export function isAdmitted(role: UserRole, rules: readonly AccessRule[]): boolean {
  return rules.some((rule) => ladder.some((rung) => rung === rule && rankOf(rung) <= rankOf(role)));
}

/** The roles that the rules admit and that may act on the accounts of every role. */
export const rolesOverAll = (rules: readonly AccessRule[]): UserRole[] =>
  ladder.filter((role) => isAdmitted(role, rules) && ladder.every((ownerRole) => mayActOn(role, ownerRole)));

/** Whether a role may act on accounts with `ownerRole`: on those with a lower role, and the highest role on all. */
export function mayActOn(role: UserRole, ownerRole: UserRole): boolean {
  return rankOf(role) > rankOf(ownerRole) || rankOf(role) === ladder.length - 1;
}
