import type { TRPCLink } from "@trpc/client";
import { observable, type Unsubscribable } from "@trpc/server/observable";
import type { AppRouter } from "../routers/index.ts";
import type { ClientError } from "./client-error.ts";

/**
 * Calls `onUnauthorized` when the service refuses the token, once for all calls that were refused together, and
 * repeats those calls once if it returns true. A refused call has changed nothing, so mutations are repeated too.
 */
export function reauthenticate(
  onUnauthorized: (error: ClientError) => boolean | Promise<boolean>,
): TRPCLink<AppRouter> {
  let renewal: Promise<boolean> | undefined;
  let renewals = 0;
  const renew = (error: ClientError): Promise<boolean> => {
    renewal ??= Promise.resolve(error)
      .then(onUnauthorized)
      .then((renewed) => {
        if (renewed) renewals++;
        return renewed;
      })
      .finally(() => {
        renewal = undefined;
      });
    return renewal;
  };

  return () =>
    ({ op, next }) =>
      observable((observer) => {
        let subscription: Unsubscribable | undefined;
        let isCancelled = false;
        const renewalsAtStart = renewals;
        const attempt = (isRepeated: boolean) => {
          subscription = next(op).subscribe({
            next: observer.next,
            complete: observer.complete,
            error: async (error) => {
              if (isRepeated || error.data?.code !== "UNAUTHORIZED") return observer.error(error);
              // The token was renewed while this call was on its way.
              const isRenewed = renewals > renewalsAtStart || (await renew(error).catch(() => false));
              if (isCancelled) return;
              if (isRenewed) attempt(true);
              else observer.error(error);
            },
          });
        };
        attempt(false);
        return () => {
          isCancelled = true;
          subscription?.unsubscribe();
        };
      });
}
