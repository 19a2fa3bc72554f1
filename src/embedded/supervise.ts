import type { ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "../observability/index.ts";
import { EmbeddedError } from "./errors.ts";
import { stopServer } from "./launch.ts";

/** Restarts per minute beyond which the server is given up. */
const restartsPerMinute = 5;

/** Starts the server and restarts it when it ends unexpectedly. @returns a function that stops it */
export async function supervise(
  start: () => Promise<ChildProcess>,
  options: { log: Log; onLost: ((error: Error) => void) | undefined },
): Promise<() => Promise<void>> {
  let child = await start();
  let stopping = false;
  let restarting: Promise<void> | undefined;
  let deaths: number[] = [];

  const watch = () => {
    child.once("exit", (code, signal) => {
      if (!stopping) restarting = restart(signal ?? `exit code ${code}`);
    });
  };
  const restart = async (reason: string) => {
    deaths = [...deaths.filter((at) => at > Date.now() - 60_000), Date.now()];
    options.log.error({ reason, deaths: deaths.length }, "the embedded PostgreSQL ended unexpectedly; restarting it");
    try {
      if (deaths.length > restartsPerMinute)
        throw new EmbeddedError("The embedded PostgreSQL keeps dying; see postgres.log beside its data.");
      child = await restartServer(start);
      watch();
      options.log.info("the embedded PostgreSQL has been restarted");
    } catch (error) {
      options.onLost?.(error as Error);
    }
  };
  watch();

  // When the process exits early (a second Ctrl-C), the server gets an immediate shutdown, which loses no committed data.
  const atExit = () => child.kill("SIGQUIT");
  process.once("exit", atExit);

  return async () => {
    stopping = true;
    await restarting;
    await stopServer(child);
    process.off("exit", atExit);
  };
}

/** Retries for 10 s: PostgreSQL refuses to start while children of the killed server use its shared memory. */
async function restartServer(start: () => Promise<ChildProcess>): Promise<ChildProcess> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(200);
    }
  }
}
