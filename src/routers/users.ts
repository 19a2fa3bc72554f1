import { ForbiddenError } from "../errors.ts";
import { type UserRole, userDefinition } from "../repositories/index.ts";
import { userRoles } from "../schema/index.ts";
import { newUser } from "../validation/index.ts";
import { type Admitted, about, allow } from "./authorization.ts";
import { listInputWith } from "./list-input.ts";
import { t } from "./trpc.ts";
import {
  deletedToo,
  newRole,
  newStatus,
  newUsers,
  ownChange,
  userChanges,
  userEmail,
  userId,
  userIds,
  userName,
} from "./users-input.ts";

const isAdmin = (caller: Admitted) => caller.kind === "user" && caller.role === "admin";

const userPage = listInputWith(userDefinition, deletedToo);

export const usersRouter = t.router({
  /** The caller's own account. */
  me: about("self").query(({ ctx }) => ctx.parts.users.findById(ctx.subject)),

  byId: allow("moderator", "service")
    .input(userId)
    .query(({ ctx, input }) => ctx.parts.users.findById(input.id)),

  byEmail: allow("moderator", "service")
    .input(userEmail)
    .query(({ ctx, input }) => ctx.parts.users.findByEmail(input.email)),

  byUsername: allow("moderator", "service")
    .input(userName)
    .query(({ ctx, input }) => ctx.parts.users.findByUsername(input.username)),

  list: allow("moderator", "service")
    .input(userPage)
    .query(({ ctx, input: { deleted, ...options } }) => {
      const scan = isAdmin(ctx.caller);
      if (deleted !== "without" && !scan)
        throw new ForbiddenError("Only an administrator sees deleted users.", { field: "deleted" });
      return ctx.parts.users.withVisibility(deleted).list({ ...options, scan });
    }),

  create: allow("admin", "service")
    .input(newUser)
    .mutation(({ ctx, input }) => ctx.parts.users.create(ctx.by, input)),

  createMany: allow("admin", "service")
    .input(newUsers)
    .mutation(({ ctx, input: { rows, atomic } }) => ctx.parts.users.createMany(ctx.by, rows, { atomic })),

  update: about("self", "admin")
    .input(ownChange)
    .mutation(({ ctx, input: { id: _, updatedAt: version, ...change } }) =>
      ctx.parts.users.update(ctx.by, ctx.subject, change, { version }),
    ),

  updateMany: allow("admin", "service")
    .input(userChanges)
    .mutation(({ ctx, input: { rows, atomic } }) => {
      const changes = rows.map(({ id, updatedAt: version, ...change }) => ({ id, version, change }));
      return ctx.parts.users.updateMany(ctx.by, changes, { atomic });
    }),

  setStatus: about("moderator", "admin")
    .input(newStatus)
    .mutation(({ ctx, input: { id, status } }) => {
      const over: readonly UserRole[] = isAdmin(ctx.caller) ? userRoles : ["user"];
      return ctx.parts.users.setStatus(ctx.by, id, status, { over });
    }),

  setRole: allow("admin")
    .input(newRole)
    .mutation(({ ctx, input: { id, role } }) => ctx.parts.users.setRole(ctx.by, id, role)),

  delete: allow("admin")
    .input(userId)
    .mutation(({ ctx, input }) => ctx.parts.users.softDelete(ctx.by, input.id)),

  deleteMany: allow("admin", "service")
    .input(userIds)
    .mutation(({ ctx, input: { ids, atomic } }) => ctx.parts.users.softDeleteMany(ctx.by, ids, { atomic })),

  restore: allow("admin")
    .input(userId)
    .mutation(({ ctx, input }) => ctx.parts.users.restore(ctx.by, input.id)),
});
