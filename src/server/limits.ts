/** Calls of one request. */
export const maxBatchSize = 100;

/** Size of a body (bytes). A batch of 100 of the largest inputs fits. */
export const maxBodySize = 4 * 1024 * 1024;

/** Size of URL and headers together (bytes): Node's default. */
export const maxHeadSize = 16 * 1024;

/**
 * Size of URL and headers that Node's parser reads (bytes). The service refuses a head between the two limits by itself,
 * so that the answer is one of tRPC's and carries CORS headers. Node closes the connection of a larger one.
 */
export const maxParsedHeadSize = 64 * 1024;

/** Errors of one answer to a refused batch. A larger batch gets one error, which tRPC's clients apply to all calls. */
export const maxListedErrors = 1_000;
