import { ConfigError } from "../config.ts";
import { ConnectError } from "../database/connect.ts";
import { DataInUse } from "../database/embedded/lock.ts";

/** Ends a command that failed: one clear text for what a user can mend, everything for what we must. */
export function fail(error: unknown): void {
  const known =
    error instanceof ConfigError || error instanceof ConnectError || error instanceof DataInUse || isListenError(error);
  console.error(known ? (error as Error).message : error);
  process.exitCode = 1;
}

function isListenError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "listen";
}
