import { isTRPCClientError, type TRPCClientError } from "@trpc/client";
import type { AppRouter } from "../routers/index.ts";

/**
 * The error of a refused call, with `data` typed as `ErrorData`. `data` is undefined where no answer of the service
 * arrived: the network failed, or a proxy answered.
 */
export type ClientError = TRPCClientError<AppRouter>;

/**
 * Returns whether `error` comes from a call of the client.
 *
 * @example
 * try {
 *   await client.users.create.mutate(input);
 * } catch (error) {
 *   if (isClientError(error) && error.data?.code === "CONFLICT") showTaken(error.data.field);
 *   else throw error;
 * }
 */
export function isClientError(error: unknown): error is ClientError {
  return isTRPCClientError(error);
}
