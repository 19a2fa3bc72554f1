import { TRPCClientError } from "@trpc/client";
import { expect } from "vitest";

/** The code, field, message and reason of the error of a refused call. Fails when the call succeeds. */
export async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => expect.fail("the call should have been refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof TRPCClientError)) throw error;
  const { code, field, reason } = error.data;
  return { code, field, message: error.message, ...(reason != null && { reason }) };
}
