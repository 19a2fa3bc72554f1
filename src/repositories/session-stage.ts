import { type SQL, sql } from "drizzle-orm";
import { userSecurity, userSessions, users } from "../schema/index.ts";
import type { SessionStage } from "./row-types.ts";

/** Whether the session was begun or raised by a second factor, or by an operator. */
export const hasSecondFactor: SQL<boolean> = sql<boolean>`${userSessions.factors} && array['totp', 'recovery_code', 'operator']`;

/**
 * The stage of a session. It is computed at each look-up and not stored, so that a change of role, password or factors
 * takes effect with the next call.
 */
export const sessionStage: SQL<SessionStage> = sql<SessionStage>`case
  when ${userSecurity.mustChangePassword} then 'password_change'
  when ${users.role} <> 'user' and not ${hasSecondFactor} then 'enrolment'
  else 'full'
end`;

/**
 * Whether the owner has proved their identity within the last 10 minutes, by the clock of the database. Of an account with a
 * second factor the session needs that too: the password alone must not replace it (OWASP ASVS 5.0, 7.5.1).
 */
export const recentlyAuthenticated: SQL<boolean> = sql<boolean>`
  ${userSessions.authenticatedAt} > now() - interval '10 minutes' and (not ${userSecurity.twoFactorEnabled} or ${hasSecondFactor})`;
