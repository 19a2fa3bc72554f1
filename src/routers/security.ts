import { z } from "zod";
import { failuresDefinition } from "../repositories/index.ts";
import { uuid } from "../validation/index.ts";
import { isAdmin } from "./authorization.ts";
import { listInput } from "./list-input.ts";
import { ownedProcedure, ownedProcedureFor, procedureFor } from "./procedure.ts";
import { t } from "./trpc.ts";

const accountInput = z.strictObject({ userId: uuid });
/** Without `userId`: the caller's own account. */
const ownAccountInput = z.strictObject({ userId: uuid.optional() }).prefault({});

export const securityRouter = t.router({
  /** An account's failed attempts, lock-out, two-factor state and age of the password; none of its secrets. */
  get: ownedProcedureFor("owner", "moderator")
    .input(ownAccountInput)
    .query(({ ctx }) => ctx.services.security.findById(ctx.ownerId)),

  /** Resets an account's failed attempts and its lock-out. */
  unlock: ownedProcedureFor("moderator")
    .input(accountInput)
    .mutation(({ ctx }) => ctx.services.security.unlock(ctx.actor, ctx.ownerId)),

  /** Requires a new password at the next sign-in. */
  requirePasswordChange: ownedProcedureFor("moderator")
    .input(accountInput)
    .mutation(({ ctx }) => ctx.services.security.requirePasswordChange(ctx.actor, ctx.ownerId)),

  /** Removes the second factor of an account whose owner has lost it. Of the own account, it requires a recent authentication. */
  removeSecondFactor: ownedProcedure({ rules: ["admin"], recent: "always" })
    .input(accountInput)
    .mutation(async ({ ctx }) => {
      await ctx.services.secondFactors.disable(ctx.actor, ctx.ownerId);
    }),

  /** Accounts with failed sign-in attempts, the latest attempt first. */
  failures: procedureFor("moderator", "service")
    .input(listInput(failuresDefinition))
    .query(({ ctx, input }) => ctx.services.failures.list({ ...input, scan: isAdmin(ctx.caller) })),
});
