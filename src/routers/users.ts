import { v7 as uuidv7 } from "uuid";
import { allow } from "./access.ts";
import { t } from "./trpc.ts";
import { newUser, userChange, userEmail, userId, userName, userPage } from "./users-input.ts";

export const usersRouter = t.router({
  byId: allow("service")
    .input(userId)
    .query(({ ctx, input }) => ctx.parts.users.findById(input.id)),

  byEmail: allow("service")
    .input(userEmail)
    .query(({ ctx, input }) => ctx.parts.users.findByEmail(input.email)),

  byUsername: allow("service")
    .input(userName)
    .query(({ ctx, input }) => ctx.parts.users.findByUsername(input.username)),

  list: allow("service")
    .input(userPage)
    .query(({ ctx, input }) => ctx.parts.users.list({ limit: input.limit, cursor: input.cursor ?? undefined })),

  /** Time-ordered ids (RFC 9562, 5.7) keep new rows together at one end of the index. */
  create: allow("service")
    .input(newUser)
    .mutation(({ ctx, input }) => ctx.parts.users.create({ ...input, id: uuidv7() })),

  update: allow("service")
    .input(userChange)
    .mutation(({ ctx, input: { id, ...change } }) => ctx.parts.users.update(id, change)),
});
