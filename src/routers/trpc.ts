import { initTRPC } from "@trpc/server";
import type { ProcedureAccess } from "./access-rules.ts";
import type { Context } from "./context.ts";
import { currentRequestId } from "./current-request.ts";
import { type ErrorData, publicError } from "./error-data.ts";
import { deserialize, serialize } from "./transformer.ts";

/** tRPC with this service's transformer (dates arrive as `Date`) and errors (`ErrorData`). */
export const t = initTRPC
  .context<Context>()
  .meta<ProcedureAccess>()
  .create({
    transformer: { serialize, deserialize },
    // The server pings (server/event-stream.ts). tRPC's own ping takes as long as all else for an event.
    sse: { client: { reconnectAfterInactivityMs: 45_000 } },
    jsonl: { contentType: "application/jsonl" },
    // Stack traces go to the log only, for every NODE_ENV.
    isDev: false,
    errorFormatter: ({ error, shape, ctx }) => {
      const requestId = ctx?.requestId ?? currentRequestId.getStore() ?? null;
      const { message, ...details } = publicError(error, requestId);
      const { code, httpStatus, path = null } = shape.data;
      const data: ErrorData = { code, httpStatus, path, requestId, ...details };
      return { code: shape.code, message, data };
    },
  });
