/**
 * Runs a command that SIGINT and SIGTERM stop. The first signal aborts `signal` and sets the exit code (130 or 143); the
 * second one ends the process.
 */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (signal: NodeJS.Signals) => {
    // PostgreSQL rolls an open transaction back when its connection ends.
    if (controller.signal.aborted) process.exit(130);
    process.exitCode = signal === "SIGINT" ? 130 : 143;
    controller.abort();
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
