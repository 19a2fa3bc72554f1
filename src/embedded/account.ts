import { readFileSync, realpathSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { EmbeddedError } from "./errors.ts";

/**
 * The account that PostgreSQL runs under. It refuses to run as root (manual, 18.1), so a service
 * started by root runs it as `nobody`; everybody else runs it as themselves (undefined).
 */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** @throws {EmbeddedError} when there is no account that PostgreSQL would accept */
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

/** initdb looks its user up by name, as containers run with `--user 1234` find out. */
function requireNamedUser(): void {
  try {
    userInfo();
  } catch (cause) {
    throw new EmbeddedError(
      `PostgreSQL needs a user with a name, and user id ${process.getuid?.()} has none in /etc/passwd. ` +
        "Run as a user that has one, or set DATABASE_URL.",
      { cause },
    );
  }
}

/** Whether `account` may walk to `path`: a home folder of mode 0700, say, would stop it. */
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
