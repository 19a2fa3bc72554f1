import { type SQL, sql } from "drizzle-orm";
import { userSecurity, userSessions, users } from "../schema/index.ts";

/**
 * What a session is good for. `full`: every procedure that the account may call. `password_change`: until the account
 * has a new password. `enrolment`: until the session has a second factor, which moderators and administrators need (NIST
 * SP 800-63B-4, 2.2.1, AAL2).
 */
export type SessionStage = "full" | "password_change" | "enrolment";

/**
 * The stage of a session. It is computed at each look-up and not stored, so that a change of role, password or factors
 * takes effect with the next call.
 */
export const sessionStage: SQL<SessionStage> = sql<SessionStage>`case
  when ${userSecurity.mustChangePassword} then 'password_change'
  when ${users.role} <> 'user' and not ${userSessions.factors} && array['totp', 'recovery_code', 'operator'] then 'enrolment'
  else 'full'
end`;

/** Whether the owner has proved their identity within the last 10 minutes, by the clock of the database. */
export const recentlyAuthenticated: SQL<boolean> = sql<boolean>`${userSessions.authenticatedAt} > now() - interval '10 minutes'`;
