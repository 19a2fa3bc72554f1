import type { User, UserSecurity } from "../../repositories/index.ts";
import { findAccount } from "../account.ts";
import { withDatabase } from "../database.ts";
import { fieldLines, printResult } from "../result.ts";
import { liveSessionsOf } from "../sessions/list-command.ts";

interface ShownUser {
  readonly user: User;
  readonly security: UserSecurity;
  readonly liveSessions: number;
}

/** `aeturnis-data users show` @throws {NotFoundError} */
export const usersShow = (named: string, { json }: { readonly json: boolean }): Promise<void> =>
  printResult(
    () =>
      withDatabase(async ({ repositories: { users, security, sessions } }): Promise<ShownUser> => {
        const user = await findAccount(users.withVisibility("with"), named);
        const { total } = await sessions.list({
          where: liveSessionsOf(user.id),
          limit: 1,
          total: "exact",
          scan: true,
        });
        return { user, security: await security.findById(user.id), liveSessions: total ?? 0 };
      }),
    { json, textOf },
  );

function textOf({ user, security: { userId: _, ...security }, liveSessions }: ShownUser): string {
  return fieldLines({ ...user, ...security, liveSessions });
}
