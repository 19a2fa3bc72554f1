/** Runs a command that hears Ctrl-C: the first stops it where it can be stopped, the second at once. */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    // A second one is impatient: PostgreSQL rolls back by itself.
    if (stopping.signal.aborted) process.exit(130);
    process.exitCode = signal === "SIGINT" ? 130 : 143;
    stopping.abort();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    return await work(stopping.signal);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}
