import type { ProcedureType } from "@trpc/server";
import { withDeadline } from "../deadline.ts";
import { UnavailableError } from "../errors.ts";

/**
 * Waits for a call for at most `timeout` ms. The call itself is not stopped: statements that were sent to the database
 * may still complete.
 *
 * @throws {UnavailableError} after `timeout`
 */
export function withRequestDeadline<Result>(
  call: Promise<Result>,
  { timeout, type }: { timeout: number; type: ProcedureType },
): Promise<Result> {
  return withDeadline(
    timeout,
    call,
    () => new UnavailableError(`The database did not answer in time. ${remedies[type]}`),
  );
}

const mutationRemedy = "The change may have been made or may still be made: check before you repeat the call.";
const remedies: Readonly<Record<ProcedureType, string>> = {
  query: "Try again in a few seconds.",
  mutation: mutationRemedy,
  subscription: mutationRemedy,
};
