import { initTRPC } from "@trpc/server";
import superjson, { type SuperJSONResult } from "superjson";
import { Invalid } from "../errors.ts";
import type { Caller } from "../identity/tokens.ts";
import type { Context } from "./context.ts";
import { describe, type ErrorData } from "./errors.ts";

/** Who may call a procedure; beside each of them, as its `meta`. */
export interface Access {
  readonly allow: readonly Caller["kind"][];
}

/** tRPC as this service uses it: dates arrive as dates, and errors as `ErrorData` says. */
export const t = initTRPC
  .context<Context>()
  .meta<Access>()
  .create({
    transformer: { input: { serialize: superjson.serialize, deserialize }, output: superjson },
    // A stack trace is for the log, whatever NODE_ENV says.
    isDev: false,
    errorFormatter: ({ error, shape, ctx }) => {
      const requestId = ctx?.requestId ?? null;
      const { message, field, retryAfter } = describe(error, requestId);
      const { code, httpStatus, path = null } = shape.data;
      const data: ErrorData = { code, httpStatus, path, field, requestId, retryAfter };
      return { code: shape.code, message, data };
    },
  });

/** What callers send is theirs: superjson fails on odd annotations in as many ways as there are. */
function deserialize(input: unknown): unknown {
  try {
    if (typeof input === "object" && input !== null && "json" in input)
      return superjson.deserialize(input as SuperJSONResult);
  } catch {
    // Says nothing that the message below does not.
  }
  throw new Invalid('The input must be in superjson\'s form: {"json": <input>}.');
}
