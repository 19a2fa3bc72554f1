import type { Filter } from "../../query/index.ts";
import type { UserSession } from "../../repositories/index.ts";
import { findAccount } from "../account.ts";
import { withDatabase } from "../database.ts";
import { readListing } from "../pages.ts";
import { printResult, tableText } from "../result.ts";

interface ListFlags {
  readonly ended: boolean;
  readonly json: boolean;
}

/** `aeturnis-data sessions list` @throws {NotFoundError} */
export const sessionsList = (named: string, { ended, json }: ListFlags): Promise<void> =>
  printResult(
    () =>
      withDatabase(async ({ repositories: { users, sessions } }) => {
        const { id } = await findAccount(users.withVisibility("with"), named);
        const where = ended ? { userId: id } : liveSessionsOf(id);
        return { sessions: await readListing((options) => sessions.list(options), { where }) };
      }),
    { json, textOf },
  );

/** The sessions of an account that are neither revoked nor expired. */
export const liveSessionsOf = (userId: string): Filter<UserSession> => ({
  userId,
  revokedAt: null,
  expiresAt: { gt: new Date() },
});

function textOf({ sessions }: { sessions: readonly UserSession[] }): string {
  if (sessions.length === 0) return "No sessions.";
  const columns = ["id", "createdAt", "lastActive", "expiresAt", "ipAddress", "userAgent"];
  const ended = sessions.some(({ revokedAt }) => revokedAt !== null);
  return tableText(ended ? [...columns, "revokedAt", "revocationReason"] : columns, sessions as never);
}
