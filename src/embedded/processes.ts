import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Line of the status in `postmaster.pid`, counted from 0 (LOCK_FILE_LINE_PM_STATUS in miscadmin.h). */
const statusLine = 7;

export const pidFile = (cluster: string): string => join(cluster, "postmaster.pid");

/** Returns the process id in the cluster's pid file, and whether the server accepts connections. */
export function readPidFile(cluster: string): { pid: number; ready: boolean } | undefined {
  if (!existsSync(pidFile(cluster))) return undefined;
  const lines = readFileSync(pidFile(cluster), "utf8").split("\n");
  return { pid: Number(lines[0]), ready: lines[statusLine]?.trim() === "ready" };
}

/**
 * Returns the processes of the server on `cluster`, including its children. Each is a `postgres` whose working directory
 * is the cluster. Undefined on systems other than Linux, which do not show the directory.
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
    // The process has ended, or belongs to another user.
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
