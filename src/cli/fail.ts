import { ConfigError } from "../config.ts";
import { ConnectError } from "../database/connect-error.ts";
import { EmbeddedError } from "../database/embedded/errors.ts";
import { MigrationError } from "../migrations/errors.ts";
import { TransferError } from "../transfer/errors.ts";

/** The command was called in a way that it does not know. */
export class UsageError extends Error {}

/** Ends a command that failed: one clear text for what a user can mend, everything for what we must. */
export async function fail(error: unknown): Promise<void> {
  process.exitCode = 1;
  const text = textForUsers(error);
  if (text !== undefined) return console.error(text);
  // Loaded only now: a command that succeeds does not wait for it.
  const [{ toDomainError }, { describeError }] = await Promise.all([
    import("../database/errors.ts"),
    import("../log.ts"),
  ]);
  // Not as it is: a failed query quotes its parameters, of an import hashes.
  console.error(toDomainError(error)?.message ?? describeError(error));
}

function textForUsers(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("syscall" in error && error.syscall === "listen") {
    return `${error.message}: set another PORT or HOST, or stop what listens there.`;
  }
  const known = [UsageError, ConfigError, ConnectError, EmbeddedError, MigrationError, TransferError].some(
    (kind) => error instanceof kind,
  );
  // Of a file or a pipe the message says what is wrong with which.
  return known || "syscall" in error ? error.message : undefined;
}
