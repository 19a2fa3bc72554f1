import { readFileSync, realpathSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { EmbeddedError } from "./errors.ts";

/**
 * The operating system account of the PostgreSQL server. PostgreSQL refuses to run as root (PostgreSQL manual, 18.1), so
 * a service that root starts runs it as `nobody`. Any other user runs it under the same account (undefined).
 */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Returns the account to run the server under. @throws {EmbeddedError} when PostgreSQL would accept none */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) {
    requireNamedUser();
    return undefined;
  }
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
  if (nobody?.[1] === undefined || nobody[2] === undefined) {
    throw new EmbeddedError(
      "PostgreSQL refuses to run as root, and this machine has no user `nobody` to run it as. " +
        "Start the service as an ordinary user, or set DATABASE_URL.",
    );
  }
  return { uid: Number(nobody[1]), gid: Number(nobody[2]) };
}

/** initdb needs a user name. A container that runs with `--user 1234` has none. */
function requireNamedUser(): void {
  try {
    userInfo();
  } catch (cause) {
    throw new EmbeddedError(
      `PostgreSQL needs a user with a name, but user id ${process.getuid?.()} has none in /etc/passwd. ` +
        "Run as a user that has one, or set DATABASE_URL.",
      { cause },
    );
  }
}

/** Whether `account` may enter `path` and all its parents, which a home folder of mode 0700 prevents. */
export function isReachable(path: string, account: Account | undefined): boolean {
  if (account === undefined) return true;
  const real = realpathSync(path);
  const allows = (folder: string): boolean => {
    const { mode, uid } = statSync(folder);
    const mayEnter = uid === account.uid ? mode & 0o100 : mode & 0o001;
    return mayEnter !== 0 && (folder === dirname(folder) || allows(dirname(folder)));
  };
  return allows(real);
}
