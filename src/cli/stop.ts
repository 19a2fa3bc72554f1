const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Why the process ends: a signal, or an error without a handler. */
export interface StopReason {
  readonly signal?: NodeJS.Signals;
  readonly fault?: unknown;
}

/** Signals within this time (ms) count as one: Ctrl-C reaches `npm start` and this process, and npm forwards it. */
const duplicateSignalWindow = 1_000;

/**
 * Calls `stop` once, on a signal or an error without a handler, and then ends the process: with exit code 0 after a
 * signal, and 1 after an error. A second signal ends the process with 1.
 *
 * @param options.timeout longest duration of `stop` (ms); after it, the process ends with 1
 * @returns a function that stops the process for another reason
 */
export function onStop(
  stop: (reason: StopReason) => Promise<void>,
  options: { timeout: number },
): (reason: StopReason) => void {
  let stoppingSince: number | undefined;
  const run = async (reason: StopReason) => {
    if (stoppingSince !== undefined) {
      if (Date.now() - stoppingSince > duplicateSignalWindow) process.exit(1);
      return;
    }
    stoppingSince = Date.now();
    setTimeout(() => process.exit(1), options.timeout).unref();
    await stop(reason);
    process.exit(reason.fault === undefined ? 0 : 1);
  };
  const begin = (reason: StopReason) => {
    run(reason).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  };
  for (const signal of stopSignals) process.on(signal, () => begin({ signal }));
  process.on("uncaughtException", (fault) => begin({ fault }));
  process.on("unhandledRejection", (fault) => begin({ fault }));
  return begin;
}
