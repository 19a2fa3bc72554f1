import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Lines of `postmaster.pid` (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_*). */
const statusLine = 7;

export const pidFile = (cluster: string): string => join(cluster, "postmaster.pid");

/** Process id in the cluster's lock file, and whether the server says that it takes connections. */
export function readPidFile(cluster: string): { pid: number; ready: boolean } | undefined {
  if (!existsSync(pidFile(cluster))) return undefined;
  const lines = readFileSync(pidFile(cluster), "utf8").split("\n");
  return { pid: Number(lines[0]), ready: lines[statusLine]?.trim() === "ready" };
}

/**
 * Processes of a server that runs on `cluster`, its children included: each of them is a `postgres`
 * with the cluster as its working directory. Undefined where the system does not show it (everywhere but Linux).
 */
export function serverProcesses(cluster: string): number[] | undefined {
  if (process.platform !== "linux") return undefined;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => workingDirectory(pid) === cluster && isPostgres(pid));
}

function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // Gone meanwhile, or somebody else's.
    return undefined;
  }
}

function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("postgres");
  } catch {
    return false;
  }
}
