import type { TRPCLink } from "@trpc/client";
import { observable, type Unsubscribable } from "@trpc/server/observable";
import type { AppRouter } from "../routers/index.ts";
import type { ClientError } from "./client-error.ts";
import { isCredentialCall } from "./credential-calls.ts";

/**
 * Calls `onUnauthorized` when the service refuses the token, once for all calls that were refused together, and
 * repeats those calls once if it returns true. A refused call has changed nothing, so mutations are repeated too.
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
        let lastEventId: string | undefined;
        // A subscription goes on after its last event.
        const current = () =>
          lastEventId === undefined ? op : { ...op, input: { ...(op.input as object | undefined), lastEventId } };
        const endedBefore = ended;
        const attempt = (isLast: boolean) => {
          subscription = next(current()).subscribe({
            next: (envelope) => {
              if ("id" in envelope.result && typeof envelope.result.id === "string") lastEventId = envelope.result.id;
              observer.next(envelope);
            },
            complete: observer.complete,
            error: async (error) => {
              if (isLast || error.data?.code !== "UNAUTHORIZED") return observer.error(error);
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
