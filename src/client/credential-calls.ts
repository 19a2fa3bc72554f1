import type { TRPCLink } from "@trpc/client";
import { observable, type Unsubscribable } from "@trpc/server/observable";
import type { AppRouter } from "../routers/index.ts";

/** The procedures that check a password or a code: the service refuses two of them in one request. */
const credentialPaths: ReadonlySet<string> = new Set([
  "account.twoFactor.confirm",
  "account.twoFactor.disable",
  "auth.changePassword",
  "auth.completeSignIn",
  "auth.reauthenticate",
  "auth.signIn",
]);

/**
 * Whether a call checks a password or a code. It goes alone, and is never repeated: UNAUTHORIZED may mean that it is wrong, and each try counts.
 */
export const isCredentialCall = (path: string): boolean => credentialPaths.has(path);

/** Runs `prepare` before each call that checks a password or a code: its token must not be refused, because it is not repeated. */
export function prepareCredentialCalls(prepare: () => Promise<unknown>): TRPCLink<AppRouter> {
  return () =>
    ({ op, next }) => {
      if (!isCredentialCall(op.path)) return next(op);
      return observable((observer) => {
        let subscription: Unsubscribable | undefined;
        let isCancelled = false;
        prepare().then(
          () => {
            if (!isCancelled) subscription = next(op).subscribe(observer);
          },
          (error) => observer.error(error),
        );
        return () => {
          isCancelled = true;
          subscription?.unsubscribe();
        };
      });
    };
}
