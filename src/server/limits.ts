/** Calls that one request may carry. */
export const maxBatchSize = 100;

/** Largest body that is read (bytes): a batch of a hundred of the largest inputs fits. */
export const bodyLimit = 4 * 1024 * 1024;

/** Largest address and headers together (bytes): Node's default, named because a refusal says it. */
export const maxHeaderSize = 16 * 1024;
