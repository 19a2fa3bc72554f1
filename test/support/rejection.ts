import { TRPCClientError } from "@trpc/client";
import { expect } from "vitest";

/** What a refused call says: its code, the field at fault, and its message. */
export async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => expect.fail("the call should have been refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof TRPCClientError)) throw error;
  return { code: error.data.code, field: error.data.field, message: error.message };
}
