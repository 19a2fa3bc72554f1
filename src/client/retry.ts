import { retryLink, type TRPCLink } from "@trpc/client";
import type { AppRouter } from "../routers/index.ts";

/**
 * Repeats a query that the service refused with a `retryAfter`, after that time plus up to a quarter of it: clients
 * that were refused together do not return together. Mutations are never repeated: the first attempt may have
 * changed data.
 */
export function retryUnavailable(maxRetries: number): TRPCLink<AppRouter> {
  let delay = 0;
  return retryLink({
    retry: ({ op, error, attempts }) => {
      const seconds = error.data?.retryAfter ?? 0;
      delay = seconds * 1_000 * (1 + Math.random() / 4);
      return op.type === "query" && seconds > 0 && attempts <= maxRetries;
    },
    // retryLink calls this directly after `retry`, so `delay` belongs to the same call.
    retryDelayMs: () => delay,
  });
}
