import type { Repositories, User, UserRole, UserSecurity, UserStatus } from "../../repositories/index.ts";
import { userRoles } from "../../schema/index.ts";
import { findAccount } from "../account.ts";
import { withDatabase } from "../database.ts";
import { operatorActor } from "../operator.ts";
import { printResult } from "../result.ts";

interface ChangeFlags {
  readonly json: boolean;
}

/** `aeturnis-data users set-status` @throws {NotFoundError} @throws {ConflictError} for the last active administrator */
export const usersSetStatus = (named: string, status: UserStatus, flags: ChangeFlags): Promise<void> =>
  changeAccount(
    named,
    flags,
    ({ users }, { id }) => users.setStatus(operatorActor("users"), id, status, { over: userRoles }),
    ({ username }) => `${username} is ${status} now.`,
  );

/** `aeturnis-data users set-role` @throws {NotFoundError} @throws {ConflictError} for the last active administrator */
export const usersSetRole = (named: string, role: UserRole, flags: ChangeFlags): Promise<void> =>
  changeAccount(
    named,
    flags,
    ({ users }, { id }) => users.setRole(operatorActor("users"), id, role),
    ({ username }) => `${username} has the role ${role} now.`,
  );

/** `aeturnis-data users unlock` @throws {NotFoundError} */
export const usersUnlock = (named: string, flags: ChangeFlags): Promise<void> =>
  changeAccount(
    named,
    flags,
    ({ security }, { id }) => security.unlock(operatorActor("users"), id),
    ({ username }) => `${username} is unlocked: its failed sign-in attempts count no more.`,
  );

function changeAccount<Result extends User | UserSecurity>(
  named: string,
  { json }: ChangeFlags,
  change: (repositories: Repositories, account: User) => Promise<Result>,
  textOf: (account: User) => string,
): Promise<void> {
  let account: User | undefined;
  return printResult(
    () =>
      withDatabase(async ({ repositories }) => {
        account = await findAccount(repositories.users, named);
        return change(repositories, account);
      }),
    { json, textOf: () => textOf(account as User) },
  );
}
