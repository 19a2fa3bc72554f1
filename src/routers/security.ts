import { z } from "zod";
import { failuresDefinition } from "../repositories/index.ts";
import { uuid as userId } from "../validation/index.ts";
import { about, allow } from "./authorization.ts";
import { listInput } from "./list-input.ts";
import { t } from "./trpc.ts";

const whose = z.strictObject({ userId });
/** The caller's own, unless it is said whose. */
const mine = z.strictObject({ userId: userId.optional() }).prefault({});

export const securityRouter = t.router({
  /** How an account is guarded: attempts, lock-out, two-factor, age of the password. */
  get: about("self", "moderator")
    .input(mine)
    .query(({ ctx }) => ctx.parts.security.findById(ctx.subject)),

  /** Forgets failed attempts, and lets the account sign in again. */
  unlock: about("moderator")
    .input(whose)
    .mutation(({ ctx }) => ctx.parts.security.unlock(ctx.by, ctx.subject)),

  requirePasswordChange: about("moderator")
    .input(whose)
    .mutation(({ ctx }) => ctx.parts.security.requirePasswordChange(ctx.by, ctx.subject)),

  /** Accounts with failed attempts to sign in, the latest first. */
  failures: allow("service")
    .input(listInput(failuresDefinition))
    .query(({ ctx, input }) => ctx.parts.failures.list(input)),
});
