import { z } from "zod";
import { proveEntry, verifyLog } from "../audit/index.ts";
import { auditListing } from "../repositories/index.ts";
import { ipAddress, jsonObject, uuid } from "../validation/index.ts";
import { followAudit, readableBy, readsAll, tailInput } from "./audit-tail.ts";
import { isAdmin } from "./authorization.ts";
import { listInput } from "./list-input.ts";
import { positionInput } from "./position-input.ts";
import { procedureFor } from "./procedure.ts";
import { t } from "./trpc.ts";

/** Events of one call. */
const maxEvents = 1_000;

/** Size of an event's `changes` as JSON (bytes). */
const maxChangesSize = 16 * 1024;

/** Rows that one call verifies: a few seconds. */
const maxVerifiedRows = 100_000;

const maxCheckpoints = 100;

const eventInput = z.strictObject({
  /** Contains a dot, so that no event looks like a change of a table, whose action is insert, update or delete. */
  action: z
    .string()
    .max(50, "must be at most 50 characters")
    .regex(/^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$/, "must be words with a dot between them, such as trade.completed")
    .refine((action) => !action.startsWith("audit."), "must not begin with audit., which is the service's own"),
  resourceType: z.string().min(1).max(50, "must be at most 50 characters").optional(),
  resourceId: z.string().min(1).max(255, "must be at most 255 characters").optional(),
  changes: jsonObject(maxChangesSize).optional(),
  /** The account that acted. */
  userId: uuid.optional(),
  /** The address of that account's client. */
  ipAddress: ipAddress.optional(),
  userAgent: z.string().max(1_000, "must be at most 1000 characters").optional(),
});

export const auditRouter = t.router({
  /** Records an event of the game. The event is durable when the call returns. */
  record: procedureFor("service")
    .input(eventInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.services.events.record(ctx.actor, input);
      return { recorded: 1 };
    }),

  /** Records up to 1,000 events, all or none. */
  recordMany: procedureFor("service")
    .input(
      z.strictObject({
        events: z
          .array(eventInput)
          .min(1, "must have at least one event")
          .max(maxEvents, `must have at most ${maxEvents} events: make several calls`),
      }),
    )
    .mutation(async ({ ctx, input: { events } }) => {
      await ctx.services.audit.recordMany(ctx.actor, events);
      return { recorded: events.length };
    }),

  /** The audit trail, newest first. Moderators read all of it, players the rows of their own actions. */
  list: procedureFor("user")
    .input(listInput(auditListing))
    .query(({ ctx, input: { where, ...options } }) =>
      ctx.services.audit.list({
        ...options,
        where: readsAll(ctx.caller) ? where : { and: [readableBy(ctx.caller), where ?? {}] },
        scan: isAdmin(ctx.caller),
      }),
    ),

  /**
   * Verifies up to 100,000 rows of the audit trail, between two indexes or times, and its checkpoints. `against` are signed
   * checkpoints that were kept elsewhere.
   */
  verify: procedureFor("admin")
    .input(
      z
        .strictObject({
          from: positionInput("from"),
          to: positionInput("to"),
          against: z
            .array(z.string())
            .max(maxCheckpoints, `must have at most ${maxCheckpoints} checkpoints`)
            .optional(),
        })
        .prefault({}),
    )
    .query(({ ctx, input }) => {
      const { auditKeys: keys, database } = ctx.services;
      return verifyLog(database.db, { ...input, keys, maxRows: maxVerifiedRows, signal: ctx.disconnection() });
    }),

  /** Proves that a row is in the log of the audit trail: a text of the form C2SP tlog-proof, for `verifyProof`. */
  prove: procedureFor("admin")
    .input(z.strictObject({ id: uuid }))
    .query(async ({ ctx, input: { id } }) => ({ proof: await proveEntry(ctx.services.database.db, id) })),

  /**
   * Follows the audit trail: each committed row once, in the order of the log, over reconnections too. Callers see the rows
   * that `audit.list` shows them.
   */
  tail: procedureFor("user")
    .input(tailInput)
    .subscription(({ ctx, input, signal }) => followAudit({ ctx, signal: signal ?? ctx.disconnection() }, input)),

  /** The monthly partitions of the audit trail with their sizes. */
  partitions: procedureFor("admin").query(({ ctx }) => ctx.services.audit.partitions()),
});
