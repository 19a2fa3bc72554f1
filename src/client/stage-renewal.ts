import type { TRPCLink } from "@trpc/client";
import { tap } from "@trpc/server/observable";
import type { AppRouter } from "../routers/index.ts";

/** Calls `renew` after each mutation that succeeded while `isLimited`: it may have raised the stage of the session. */
export function renewStage(parts: { isLimited: () => boolean; renew: () => void }): TRPCLink<AppRouter> {
  return () =>
    ({ op, next }) => {
      if (op.type !== "mutation" || op.path === "auth.signOut") return next(op);
      return next(op).pipe(
        tap({
          complete: () => {
            if (parts.isLimited()) parts.renew();
          },
        }),
      );
    };
}
