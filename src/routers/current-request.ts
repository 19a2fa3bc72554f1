import { AsyncLocalStorage } from "node:async_hooks";

/**
 * The id of the request that tRPC's adapter handles. It formats the error of a request that it refuses as a whole
 * (an unknown form, a mixed batch) without any context.
 */
export const currentRequestId = new AsyncLocalStorage<string>();
