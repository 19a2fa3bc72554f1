import { ForbiddenError } from "../errors.ts";
import { createAccount, createAccounts } from "../identity/index.ts";
import { type UserRole, userDefinition } from "../repositories/index.ts";
import { userRoles } from "../schema/index.ts";
import { newAccount } from "../validation/index.ts";
import { accountHistoryInput, readAccountHistory } from "./account-history.ts";
import { isAdmin } from "./authorization.ts";
import { listInputWith } from "./list-input.ts";
import { ownedProcedureFor, ownedStatement, procedureFor } from "./procedure.ts";
import { t } from "./trpc.ts";
import {
  createManyInput,
  deletedFilter,
  deleteManyInput,
  emailInput,
  idInput,
  roleInput,
  statusInput,
  updateInput,
  updateManyInput,
  usernameInput,
} from "./users-input.ts";
import { answered } from "./written-answers.ts";

const listUsersInput = listInputWith(userDefinition, deletedFilter);

/** What an account signs in by (OWASP ASVS 5.0, 7.5.1). */
const loginChange = {
  when: "for `username` and `email`",
  applies: (input: unknown) => typeof input === "object" && input !== null && ("username" in input || "email" in input),
};

export const usersRouter = t.router({
  /** The caller's own account. */
  me: ownedProcedureFor("owner").query(async ({ ctx }) =>
    answered(await ctx.services.users.findWrittenById(ctx.ownerId), ctx),
  ),

  /** The account with this id. */
  byId: procedureFor("moderator", "service")
    .input(idInput)
    .query(async ({ ctx, input }) => answered(await ctx.services.users.findWrittenById(input.id), ctx)),

  /** The account with this email, in any case. */
  byEmail: procedureFor("moderator", "service")
    .input(emailInput)
    .query(({ ctx, input }) => ctx.services.users.findByEmail(input.email)),

  /** The account with this username, in any case. */
  byUsername: procedureFor("moderator", "service")
    .input(usernameInput)
    .query(({ ctx, input }) => ctx.services.users.findByUsername(input.username)),

  /** A page of accounts. Administrators may include deleted ones. */
  list: procedureFor("moderator", "service")
    .input(listUsersInput)
    .query(({ ctx, input: { deleted, ...options } }) => {
      const scan = isAdmin(ctx.caller);
      if (deleted !== "without" && !scan)
        throw new ForbiddenError("Only an administrator sees deleted users.", { field: "deleted" });
      return ctx.services.users.withVisibility(deleted).list({ ...options, scan });
    }),

  /** The rows of the audit trail about an account: itself, its security state, sessions, devices and events. Newest first. */
  history: ownedProcedureFor("owner", "moderator")
    .input(accountHistoryInput)
    .query(({ ctx: { services, ownerId, caller }, input: { id: _, ...options } }) =>
      readAccountHistory(services.audit, { ownerId, ...options }, caller.kind === "user" && caller.role === "user"),
    ),

  /** Creates an account, with a password or with the hash of one. */
  create: procedureFor("admin", "service")
    .input(newAccount)
    .mutation(({ ctx, input }) => createAccount(ctx.actor, input, { ...ctx.services, signal: ctx.disconnection() })),

  /** Creates up to 5,000 accounts, up to 100 of them with passwords. */
  createMany: procedureFor("admin", "service")
    .input(createManyInput)
    .mutation(({ ctx, input: { rows, atomic } }) =>
      createAccounts(ctx.actor, rows, { ...ctx.services, signal: ctx.disconnection(), atomic }),
    ),

  /**
   * Changes username or metadata of an account, and for administrators its email. With `updatedAt`, only if the account
   * still has this version. Of the own account, username and email require a recent authentication.
   */
  update: ownedStatement({ rules: ["owner", "admin"], recent: loginChange })
    .input(updateInput)
    .mutation(async ({ ctx, input: { id: _, updatedAt: version, ...change } }) => {
      // It would change an address without a proof of it, and CONFLICT would tell which addresses have accounts (OWASP
      // ASVS 5.0, 6.3.8).
      if (change.email !== undefined && !isAdmin((await ctx.authorize()).caller))
        throw new ForbiddenError("email: only an administrator changes the email of an account.", { field: "email" });
      return ctx.services.users.update(ctx.actor, ctx.ownerId, change, { version, admission: ctx.admission });
    }),

  /** Changes up to 5,000 accounts, each in its own way. */
  updateMany: procedureFor("admin", "service")
    .input(updateManyInput)
    .mutation(({ ctx, input: { rows, atomic } }) => {
      const changes = rows.map(({ id, updatedAt: version, ...change }) => ({ id, version, change }));
      return ctx.services.users.updateMany(ctx.actor, changes, { atomic });
    }),

  /** Sets the status of an account: active, suspended or banned. */
  setStatus: ownedProcedureFor("moderator", "admin")
    .input(statusInput)
    .mutation(({ ctx, input: { id, status } }) => {
      // The statement checks the role again: it may have changed since authorization.
      const over: readonly UserRole[] = isAdmin(ctx.caller) ? userRoles : ["user"];
      return ctx.services.users.setStatus(ctx.actor, id, status, { over });
    }),

  /** Sets the role of an account. */
  setRole: procedureFor("admin")
    .input(roleInput)
    .mutation(({ ctx, input: { id, role } }) => ctx.services.users.setRole(ctx.actor, id, role)),

  /** Marks an account as deleted and ends its sessions. */
  delete: procedureFor("admin")
    .input(idInput)
    .mutation(({ ctx, input }) => ctx.services.users.softDelete(ctx.actor, input.id)),

  /** Marks up to 5,000 accounts as deleted. */
  deleteMany: procedureFor("admin", "service")
    .input(deleteManyInput)
    .mutation(({ ctx, input: { ids, atomic } }) => ctx.services.users.softDeleteMany(ctx.actor, ids, { atomic })),

  /** Restores a deleted account. */
  restore: procedureFor("admin")
    .input(idInput)
    .mutation(({ ctx, input }) => ctx.services.users.restore(ctx.actor, input.id)),
});
