import { TRPCClientError } from "@trpc/client";
import { expect } from "vitest";

/** The code, field and message of the error of a refused call. Fails when the call succeeds. */
export async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => expect.fail("the call should have been refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof TRPCClientError)) throw error;
  return { code: error.data.code, field: error.data.field, message: error.message };
}
