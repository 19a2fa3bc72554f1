import { retryLink, type TRPCLink } from "@trpc/client";
import type { AppRouter } from "../routers/index.ts";
import type { ClientError } from "./client-error.ts";

/** Time before the first repetition of a subscription whose connection failed, and the longest one (ms). */
const reconnectDelay = { first: 500, max: 10_000 } as const;

/**
 * Repeats a query that the service refused with a `retryAfter`, after that time plus up to a quarter of it: clients
 * that were refused together do not return together. Mutations are never repeated: the first attempt may have
 * changed data. A subscription is begun again, after its last event, for as long as its connection fails.
 */
export function retryUnavailable(maxRetries: number): TRPCLink<AppRouter> {
  let delay = 0;
  return retryLink({
    retry: ({ op, error, attempts }) => {
      const seconds = error.data?.retryAfter ?? 0;
      delay = seconds * 1_000 * (1 + Math.random() / 4);
      if (op.type === "subscription" && isConnectionFailure(error)) {
        delay = Math.min(reconnectDelay.first * 2 ** (attempts - 1), reconnectDelay.max) * (1 + Math.random() / 4);
        return true;
      }
      return op.type !== "mutation" && seconds > 0 && attempts <= maxRetries;
    },
    // retryLink calls this directly after `retry`, so `delay` belongs to the same call.
    retryDelayMs: () => delay,
  });
}

/** Whether no service has answered a subscription: its error is an event, with the HTTP status if there was one. */
function isConnectionFailure(error: ClientError): boolean {
  if (error.data != null) return false;
  const { code: status = 0 } = (error.cause ?? {}) as { code?: unknown };
  return typeof status === "number" && (status < 400 || status >= 500);
}
