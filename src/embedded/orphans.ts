import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "../observability/index.ts";
import type { Account } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { EmbeddedError } from "./errors.ts";
import { startStopTimeout } from "./launch.ts";
import { pidFile, readPidFile, serverProcesses } from "./processes.ts";
import { runProgram } from "./program.ts";

/** Stops a server that a killed service left running on the cluster. The caller holds the lock of the folder. */
export async function stopOrphans(
  cluster: string,
  options: { binaries: Binaries; account: Account | undefined; log: Log },
): Promise<void> {
  const orphan = readPidFile(cluster);
  if (orphan === undefined) return;
  const running = serverProcesses(cluster);
  if (running === undefined || running.includes(orphan.pid)) {
    options.log.warn({ pid: orphan.pid }, "stopping a PostgreSQL that a killed service left running");
    const args = ["stop", `--pgdata=${cluster}`, "--mode=fast", "--wait", `--timeout=${startStopTimeout / 1000}`];
    // Where processes cannot be listed, the pid file may belong to a server that no longer runs.
    const stopped = runProgram(join(options.binaries, "bin", "pg_ctl"), { args, account: options.account });
    await (running === undefined ? stopped.catch(() => {}) : stopped);
    return;
  }
  const deadline = Date.now() + startStopTimeout;
  while ((serverProcesses(cluster)?.length ?? 0) > 0) {
    if (Date.now() > deadline)
      throw new EmbeddedError(
        `Processes of a killed PostgreSQL still run on ${cluster}: ${serverProcesses(cluster)?.join(", ")}. End them.`,
      );
    await pause(50);
  }
  // No server runs any more. Its process id may belong to another process now, which PostgreSQL would mistake for a server.
  rmSync(pidFile(cluster), { force: true });
}
