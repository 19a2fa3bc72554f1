import { initTRPC } from "@trpc/server";
import type { Rule } from "./authorization.ts";
import type { Context } from "./context.ts";
import { currentRequestId } from "./current-request.ts";
import { type ErrorData, errorAnswer } from "./error-translation.ts";
import { deserialize, serialize } from "./transformer.ts";

/** Who may call a procedure; beside each of them, as its `meta`. */
export interface ProcedureAccess {
  readonly allow: readonly Rule[];
  /** It is about one account: whose it may be depends on who calls. */
  readonly about: boolean;
}

/** tRPC as this service uses it: dates arrive as dates, and errors as `ErrorData` says. */
export const t = initTRPC
  .context<Context>()
  .meta<ProcedureAccess>()
  .create({
    transformer: { serialize, deserialize },
    jsonl: { contentType: "application/jsonl" },
    // A stack trace is for the log, whatever NODE_ENV says.
    isDev: false,
    errorFormatter: ({ error, shape, ctx }) => {
      const requestId = ctx?.requestId ?? currentRequestId.getStore() ?? null;
      const { message, field, retryAfter } = errorAnswer(error, requestId);
      const { code, httpStatus, path = null } = shape.data;
      const data: ErrorData = { code, httpStatus, path, field, requestId, retryAfter };
      return { code: shape.code, message, data };
    },
  });
