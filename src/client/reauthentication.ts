import type { TRPCLink } from "@trpc/client";
import { observable, type Unsubscribable } from "@trpc/server/observable";
import type { AppRouter } from "../routers/index.ts";
import type { ClientError } from "./client-error.ts";
import { isCredentialCall } from "./credential-calls.ts";
import { subscriptionPlaceOf } from "./subscription-place.ts";

/**
 * Calls `onUnauthorized` when the service refuses the token, once for all calls that were refused together, and
 * repeats those calls once if it returns true. A refused call has changed nothing, so mutations are repeated too. A
 * subscription is repeated each time that its token has expired.
 * A call that checks a password is not: there UNAUTHORIZED may mean that the password is wrong.
 */
export function reauthenticate(
  onUnauthorized: (error: ClientError) => boolean | Promise<boolean>,
): TRPCLink<AppRouter> {
  let latest = Promise.resolve(false);
  let begun = 0;
  let ended = 0;
  const renew = (error: ClientError): Promise<boolean> => {
    if (begun > ended) return latest;
    begun++;
    latest = Promise.resolve(error)
      .then(onUnauthorized)
      .catch(() => false)
      .finally(() => {
        ended++;
      });
    return latest;
  };

  return () =>
    ({ op, next }) =>
      observable((observer) => {
        let subscription: Unsubscribable | undefined;
        let isCancelled = false;
        const place = subscriptionPlaceOf(op);
        const attempt = (isLast: boolean) => {
          const endedBefore = ended;
          const arrivals = place?.arrivals;
          subscription = next(op).subscribe({
            ...observer,
            error: async (error) => {
              // The token of a subscription was accepted, and has expired since.
              const isRefusedAgain = isLast && place?.arrivals === arrivals;
              if (isRefusedAgain || error.data?.code !== "UNAUTHORIZED") return observer.error(error);
              // A renewal that ended after this call was sent also covers this call.
              const isRenewed = await (ended > endedBefore ? latest : renew(error));
              if (isCancelled) return;
              if (isRenewed) attempt(true);
              else observer.error(error);
            },
          });
        };
        attempt(isCredentialCall(op.path));
        return () => {
          isCancelled = true;
          subscription?.unsubscribe();
        };
      });
}
