import { isUuid } from "../../validation/index.ts";
import { findAccount } from "../account.ts";
import { withDatabase } from "../database.ts";
import { UsageError } from "../failure.ts";
import { operatorActor } from "../operator.ts";
import { printResult } from "../result.ts";

interface RevokeFlags {
  readonly session?: string;
  readonly all: boolean;
  readonly json: boolean;
}

/** `aeturnis-data sessions revoke` @throws {UsageError} @throws {NotFoundError} also for a session that has ended */
export const sessionsRevoke = (named: string, { session, all, json }: RevokeFlags): Promise<void> =>
  printResult(
    async () => {
      if ((session === undefined) !== all)
        throw new UsageError("Name the session to end, or give --all: one of the two.");
      if (session !== undefined && !isUuid(session.toLowerCase()))
        throw new UsageError("The session must be named by its id, as `aeturnis-data sessions list` prints it.");
      return withDatabase(async ({ repositories: { users, sessions } }) => {
        const { id } = await findAccount(users.withVisibility("with"), named);
        const by = operatorActor("sessions");
        if (session === undefined) return { revoked: await sessions.revokeAll(by, id) };
        await sessions.revoke(by, id, session);
        return { revoked: 1 };
      });
    },
    { json, textOf: ({ revoked }) => (revoked === 1 ? "1 session ended." : `${revoked} sessions ended.`) },
  );
