import { ConfigError } from "../config.ts";
import { ConnectError } from "../database/connect-error.ts";
import { EmbeddedError } from "../database/embedded/errors.ts";
import { MigrationError } from "../migrations/errors.ts";

/** The command was called in a way that it does not know. */
export class UsageError extends Error {}

/** Ends a command that failed: one clear text for what a user can mend, everything for what we must. */
export function fail(error: unknown): void {
  console.error(textForUsers(error) ?? error);
  process.exitCode = 1;
}

function textForUsers(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("syscall" in error && error.syscall === "listen") {
    return `${error.message}: set another PORT or HOST, or stop what listens there.`;
  }
  const known = [UsageError, ConfigError, ConnectError, EmbeddedError, MigrationError].some(
    (kind) => error instanceof kind,
  );
  return known ? error.message : undefined;
}
