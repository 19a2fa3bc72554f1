import { AsyncLocalStorage } from "node:async_hooks";

/**
 * The id of the request that tRPC's adapter handles. For a request that it refuses as a whole (an unknown form, a
 * batch of queries and mutations) the adapter formats the error without a context.
 */
export const currentRequestId = new AsyncLocalStorage<string>();
