import { z } from "zod";
import { auditListing } from "../repositories/index.ts";
import { ipAddress, jsonObject, uuid } from "../validation/index.ts";
import { allow } from "./authorization.ts";
import { listInput } from "./list-input.ts";
import { t } from "./trpc.ts";

/** Events that one call may bring. */
const mostEvents = 1_000;

/** Bytes of JSON that one event may carry. */
const changesLimit = 16 * 1024;

const event = z.strictObject({
  /** With a dot, so that no event passes for a change of a table, which is recorded as insert, update or delete. */
  action: z
    .string()
    .max(50, "must be at most 50 characters")
    .regex(/^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$/, "must be words with a dot between them, such as trade.completed"),
  resourceType: z.string().min(1).max(50, "must be at most 50 characters").optional(),
  resourceId: z.string().min(1).max(255, "must be at most 255 characters").optional(),
  changes: jsonObject(changesLimit).optional(),
  /** The account that acted. */
  userId: uuid.optional(),
  /** Where that account's request came from. */
  ipAddress: ipAddress.optional(),
  userAgent: z.string().max(1_000, "must be at most 1000 characters").optional(),
});

export const auditRouter = t.router({
  /** Records an event of the game; it is on disk when this answers. */
  record: allow("service")
    .input(event)
    .mutation(async ({ ctx, input }) => {
      await ctx.parts.audit.record(ctx.by, input);
      return { recorded: 1 };
    }),

  /** Records many events, all or none. */
  recordMany: allow("service")
    .input(
      z.strictObject({
        events: z
          .array(event)
          .min(1, "must have at least one event")
          .max(mostEvents, `must have at most ${mostEvents} events: make several calls`),
      }),
    )
    .mutation(async ({ ctx, input: { events } }) => {
      await ctx.parts.audit.recordMany(ctx.by, events);
      return { recorded: events.length };
    }),

  /** The trail, newest first: a moderator's whole, of everybody else what they did themselves. */
  list: allow("user")
    .input(listInput(auditListing))
    .query(({ ctx, input: { where, ...options } }) => {
      if (ctx.caller.kind !== "user" || ctx.caller.role === "user") {
        const own = ctx.caller.kind === "user" ? ctx.caller.id : "";
        return ctx.parts.audit.list({ ...options, where: { and: [{ userId: own }, where ?? {}] } });
      }
      return ctx.parts.audit.list({ ...options, where, scan: ctx.caller.role === "admin" });
    }),

  /** The months of the trail, and how large they are. */
  partitions: allow("admin").query(({ ctx }) => ctx.parts.audit.partitions()),
});
