import { type RenewTokens, retryAfterOf } from "./token-renewal.ts";

/** First and longest pause between two tries (ms). */
const firstPause = 1_000;
const longestPause = 60_000;

/**
 * Renews the tokens of an earlier run of the program, and tries again until the service answers. Returns a function that
 * stops it.
 */
export function restoreSession({ renew, isRestored }: { renew: RenewTokens; isRestored: () => boolean }): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  const attempt = (pause: number) => {
    renew().catch((error: unknown) => {
      if (isStopped || isRestored()) return;
      timer = setTimeout(
        () => {
          if (!isRestored()) attempt(Math.min(2 * pause, longestPause));
        },
        Math.max(pause, retryAfterOf(error)) * (1 + Math.random() / 4),
      );
      // In Node.js the timer would keep the process alive.
      (timer as { unref?: () => void }).unref?.();
    });
  };
  attempt(firstPause);
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
