import type { ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "../observability/index.ts";
import { EmbeddedError } from "./errors.ts";
import { stopServer } from "./launch.ts";

/** A server that dies more often than this within a minute is given up. */
const restartsPerMinute = 5;

/** Keeps the server running: starts it, and again when it dies, until what is returned is called. */
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
    options.log.error({ reason, deaths: deaths.length }, "the embedded PostgreSQL died, starting it again");
    try {
      if (deaths.length > restartsPerMinute)
        throw new EmbeddedError("The embedded PostgreSQL keeps dying; see postgres.log beside its data.");
      child = await startAgain(start);
      watch();
      options.log.info("the embedded PostgreSQL runs again");
    } catch (error) {
      options.onLost?.(error as Error);
    }
  };
  watch();

  // A process that ends without waiting for us (a second Ctrl-C, say) takes its server along: at once, but safely.
  const atExit = () => child.kill("SIGQUIT");
  process.once("exit", atExit);

  return async () => {
    stopping = true;
    await restarting;
    await stopServer(child);
    process.off("exit", atExit);
  };
}

/** Children of a killed server hold its shared memory for a moment, and PostgreSQL refuses to start beside them. */
async function startAgain(start: () => Promise<ChildProcess>): Promise<ChildProcess> {
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
