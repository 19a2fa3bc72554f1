import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "../observability/index.ts";
import type { Account } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { EmbeddedError } from "./errors.ts";
import { patience } from "./launch.ts";
import { pidFile, readPidFile, serverProcesses } from "./processes.ts";
import { run } from "./program.ts";

/** Stops what a killed service left running on the cluster. We own the lock, so nobody else needs it. */
export async function clearOrphans(
  cluster: string,
  options: { binaries: Binaries; account: Account | undefined; log: Log },
): Promise<void> {
  const orphan = readPidFile(cluster);
  if (orphan === undefined) return;
  const running = serverProcesses(cluster);
  if (running === undefined || running.includes(orphan.pid)) {
    options.log.warn({ pid: orphan.pid }, "a PostgreSQL was left behind by a service that was killed; stopping it");
    const args = ["stop", `--pgdata=${cluster}`, "--mode=fast", "--wait", `--timeout=${patience / 1000}`];
    // Where processes cannot be listed, the lock file may be all that is left of it.
    const stopped = run(join(options.binaries, "bin", "pg_ctl"), { args, account: options.account });
    await (running === undefined ? stopped.catch(() => {}) : stopped);
    return;
  }
  const deadline = Date.now() + patience;
  while ((serverProcesses(cluster)?.length ?? 0) > 0) {
    if (Date.now() > deadline)
      throw new EmbeddedError(
        `Processes of a killed PostgreSQL still run on ${cluster}: ${serverProcesses(cluster)?.join(", ")}. End them.`,
      );
    await pause(50);
  }
  // Nobody runs on it any more, and its process id may be another's by now, which PostgreSQL would take for a server.
  rmSync(pidFile(cluster), { force: true });
}
