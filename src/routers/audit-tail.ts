import { getTRPCErrorFromUnknown, tracked } from "@trpc/server";
import { z } from "zod";
import type { LogPosition } from "../audit/index.ts";
import { isUnavailable } from "../database/index.ts";
import { UnauthenticatedError } from "../errors.ts";
import { type Filter, filterSchema } from "../query/index.ts";
import { type AuditEntry, auditListing } from "../repositories/index.ts";
import { type AuthorizedCaller, authorize } from "./authorization.ts";
import type { Context } from "./context.ts";
import { translateError } from "./error-translation.ts";
import { positionInput } from "./position-input.ts";

/** Time between two looks at whether the caller may still read (ms). */
const authorizationInterval = 2_000;

type AuthorizedContext = Context & { readonly caller: AuthorizedCaller };

/** Whether a caller may read all rows of the trail. */
export const readsAll = (caller: AuthorizedCaller): boolean => caller.kind === "user" && caller.role !== "user";

/** Which rows of the trail a caller may read. */
export function readableBy(caller: AuthorizedCaller): Filter<AuditEntry> {
  if (readsAll(caller)) return {};
  return { userId: caller.kind === "user" ? caller.id : "" };
}

export const tailInput = z
  .strictObject({
    /** Where to begin: an index of the log, or a time. Without it: rows from now on. */
    from: positionInput("from"),
    where: filterSchema(auditListing, { maxConditions: 20 }).optional(),
    /** The index after which to go on, which tRPC's client sends when it connects again; -1 for all rows. */
    lastEventId: z
      .string()
      .regex(/^(-1|\d{1,15})$/, "must be the index of a row")
      .nullish(),
  })
  .prefault({});

/** A row of the audit trail, as `audit.tail` sends it. */
export interface TailRow extends AuditEntry {
  /** Its index in the log. */
  index: number;
}

/**
 * The rows of the trail that a caller may read, each with its index as the id of its event, so that a reader that connects
 * again continues after the last one.
 *
 * The connection is closed when the token expires or the role of the caller changes, so that the client connects again with a
 * new token.
 */
export async function* followAudit(
  { ctx, signal }: { ctx: AuthorizedContext; signal: AbortSignal },
  { from, where = {}, lastEventId }: z.output<typeof tailInput>,
) {
  const ended = new AbortController();
  const end = (reason: unknown) => ended.abort(reason);
  if (signal.aborted) end(signal.reason);
  else signal.addEventListener("abort", () => end(signal.reason), { once: true });
  const authorizeOrEnd = () =>
    authorizeAgain(ctx).catch((error: unknown) => {
      // While the database is not available no rows come.
      if (!isUnavailable(error)) end(error);
    });
  const watch = setInterval(() => void authorizeOrEnd(), authorizationInterval).unref();
  const start: LogPosition | undefined = lastEventId == null ? from : { index: Number(lastEventId) + 1 };
  try {
    const { caller } = ctx;
    const filter = { and: [readableBy(caller), where] };
    const { tails } = ctx.services;
    for await (const { index, entry } of tails.follow({
      from: start,
      filter,
      player: readsAll(caller) || caller.kind !== "user" ? undefined : caller.id,
      signal: ended.signal,
      disconnect: ctx.disconnect,
      onProgress: (next) => ctx.advance(String(next - 1)),
    }))
      yield tracked(String(index), { ...entry, index } satisfies TailRow);
    ended.signal.throwIfAborted();
  } catch (error) {
    throw translateError(getTRPCErrorFromUnknown(ended.signal.aborted ? ended.signal.reason : error));
  } finally {
    clearInterval(watch);
  }
}

/** Disconnects a caller whose token has expired, or whose role has changed. @throws the reason why it is refused now */
async function authorizeAgain(ctx: AuthorizedContext): Promise<void> {
  const identified = await ctx.identify();
  if (identified instanceof UnauthenticatedError) return ctx.disconnect();
  const now = await authorize({ ...ctx, caller: identified }, { rules: ["user"], stages: [] });
  const roleOf = (caller: AuthorizedCaller) => (caller.kind === "user" ? caller.role : caller.kind);
  if (roleOf(now) !== roleOf(ctx.caller)) ctx.disconnect();
}
