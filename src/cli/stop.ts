const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Why the process is to end: a signal, or an error that nobody caught. */
export interface StopReason {
  readonly signal?: NodeJS.Signals;
  readonly fault?: unknown;
}

/** A signal so soon after the first is the same wish: Ctrl-C reaches `npm start` and us, and npm passes it on (ms). */
const sameWish = 1_000;

/**
 * Calls `stop` once, on a signal to end or an uncaught error, and then ends the process: with 0 after
 * a signal, else with 1. A second Ctrl-C, or `patience` (ms) running out, ends it at once.
 *
 * @returns the same, for other reasons to stop
 */
export function onStop(
  stop: (reason: StopReason) => Promise<void>,
  options: { patience: number },
): (reason: StopReason) => void {
  let since: number | undefined;
  const run = async (reason: StopReason) => {
    if (since !== undefined) {
      if (Date.now() - since > sameWish) process.exit(1);
      return;
    }
    since = Date.now();
    setTimeout(() => process.exit(1), options.patience).unref();
    await stop(reason);
    process.exit(reason.fault === undefined ? 0 : 1);
  };
  const begin = (reason: StopReason) => {
    run(reason).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  };
  for (const signal of signals) process.on(signal, () => begin({ signal }));
  process.on("uncaughtException", (fault) => begin({ fault }));
  process.on("unhandledRejection", (fault) => begin({ fault }));
  return begin;
}
