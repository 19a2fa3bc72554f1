import pRetry from "p-retry";

/** When and how often a failed operation is repeated: exponential backoff with full jitter. */
export interface RetryPolicy {
  /** Attempts after the first. */
  readonly retries: number;
  /** Shortest and longest pause between two attempts (ms). */
  readonly minTimeout: number;
  readonly maxTimeout: number;
  /** Limit for all attempts together (ms). */
  readonly maxRetryTime?: number;
}

/**
 * Runs `work`, and repeats it while `shouldRetry(error)` holds and the policy allows another attempt.
 *
 * @throws the last error of `work`, or the signal's reason when it is aborted
 */
export function retry<T>(
  work: () => Promise<T>,
  options: RetryPolicy & {
    shouldRetry: (error: unknown) => boolean;
    onRetry?: (error: unknown, attempt: number) => void;
    signal?: AbortSignal | undefined;
  },
): Promise<T> {
  return pRetry(work, {
    retries: options.retries,
    minTimeout: options.minTimeout,
    maxTimeout: options.maxTimeout,
    factor: 2,
    randomize: true,
    ...(options.maxRetryTime !== undefined && { maxRetryTime: options.maxRetryTime }),
    ...(options.signal && { signal: options.signal }),
    shouldRetry: ({ error }) => options.shouldRetry(error),
    onFailedAttempt: ({ error, attemptNumber, retriesLeft }) => {
      if (retriesLeft > 0 && options.shouldRetry(error)) options.onRetry?.(error, attemptNumber);
    },
  });
}
