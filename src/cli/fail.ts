import { ConfigError } from "../config.ts";
import { ConnectError } from "../database/connect-error.ts";
import { EmbeddedError } from "../database/embedded/errors.ts";

/** The command was called in a way that it does not know. */
export class UsageError extends Error {}

/** Ends a command that failed: one clear text for what a user can mend, everything for what we must. */
export function fail(error: unknown): void {
  console.error(isForUsers(error) ? error.message : error);
  process.exitCode = 1;
}

function isForUsers(error: unknown): error is Error {
  if (isListenError(error)) error.message += ": set another PORT or HOST, or stop what listens there.";
  return (
    [UsageError, ConfigError, ConnectError, EmbeddedError].some((kind) => error instanceof kind) || isListenError(error)
  );
}

function isListenError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && error.syscall === "listen";
}
