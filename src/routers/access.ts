import { within } from "../deadline.ts";
import { type DomainError, Forbidden, Unauthenticated, Unavailable } from "../errors.ts";
import type { Caller } from "../identity/tokens.ts";
import type { Context } from "./context.ts";
import { fromDomainError, translate } from "./errors.ts";
import { t } from "./trpc.ts";

/**
 * Begins a procedure that the callers named may call: `allow("service").input(…).query(…)`. There is
 * no other way to begin one, so none is without a rule; `meta` shows it to the access matrix.
 *
 * Every procedure gets here what all share: its rule checked, a bound on its time, and errors that
 * speak the caller's language.
 */
export function allow(...callers: [Caller["kind"], ...Caller["kind"][]]) {
  return t.procedure.meta({ allow: callers }).use(async ({ ctx, next, type }) => {
    const refusal = refuse(ctx.caller, callers);
    if (refusal !== undefined) throw fromDomainError(refusal);
    const result = await within(ctx.parts.requestTimeout, next(), () => late(type));
    if (!result.ok) throw translate(result.error);
    return result;
  });
}

function refuse(caller: Context["caller"], allowed: readonly Caller["kind"][]): DomainError | undefined {
  if (caller instanceof Unauthenticated) return caller;
  if (allowed.includes("anonymous") || allowed.includes(caller.kind)) return undefined;
  return caller.kind === "anonymous"
    ? new Unauthenticated("This procedure needs an access token: send it as `Authorization: Bearer <token>`.")
    : new Forbidden(`This procedure is not for a ${caller.kind}.`);
}

/** Queries queue while the database is away, and nobody waits for ever. What was sent is not called back. */
function late(type: string): Error {
  const remedy =
    type === "query"
      ? "Try again in a few seconds."
      : "The change may have been made, or may yet be: look before you repeat it.";
  return fromDomainError(new Unavailable(`The database did not answer in time. ${remedy}`));
}
