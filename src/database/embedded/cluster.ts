import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { type Account, isReachable } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { serverEnvironment } from "./environment.ts";
import { EmbeddedError } from "./errors.ts";

/** Superuser of the embedded server, and owner of its database. */
export const superuser = "aeturnis";
export const databaseName = "aeturnis";

/** Where a server that root runs as `nobody` keeps its files, if the data folder is out of its reach. */
const sharedHome = "/var/lib/aeturnis-data";

/** A folder that the server's account can reach: `folder` itself if possible. */
export function reachableHome(folder: string, account: Account | undefined): string {
  mkdirSync(folder, { recursive: true });
  if (isReachable(folder, account)) return realpathSync(folder);
  mkdirSync(sharedHome, { recursive: true, mode: 0o755 });
  return sharedHome;
}

/**
 * The cluster of a data folder: `<folder>/postgres`, made on the first call. Below a folder that the
 * server's account cannot enter, that is a link to a cluster outside of it.
 *
 * @returns the cluster's real path
 */
export async function openCluster(options: {
  folder: string;
  home: string;
  binaries: Binaries;
  account: Account | undefined;
}): Promise<string> {
  const { folder, home, binaries, account } = options;
  const entry = join(folder, "postgres");
  if (existsSync(entry)) return realpathSync(entry);

  const outside = home !== realpathSync(folder);
  const cluster = outside ? join(home, `postgres-${randomUUID()}`) : entry;
  // Made aside and renamed: a first start that is killed leaves no half cluster for the second.
  const unfinished = `${cluster}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (account !== undefined) chownSync(unfinished, account.uid, account.gid);
  await initialize(unfinished, { password: password(folder), binaries, account });
  renameSync(unfinished, cluster);
  if (outside) symlinkSync(cluster, entry);
  return realpathSync(cluster);
}

/** The superuser's password, generated on the first call; only the owner of the folder can read it. */
export function password(folder: string): string {
  const file = join(folder, "password");
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString("base64url"), { mode: 0o600 });
  return readFileSync(file, "utf8");
}

async function initialize(
  cluster: string,
  options: { password: string; binaries: Binaries; account: Account | undefined },
): Promise<void> {
  const passwordFile = join(tmpdir(), `aeturnis-data-${randomUUID()}`);
  writeFileSync(passwordFile, options.password, { mode: 0o600 });
  if (options.account !== undefined) chownSync(passwordFile, options.account.uid, options.account.gid);
  try {
    await run(join(options.binaries, "bin", "initdb"), {
      account: options.account,
      args: [
        `--pgdata=${cluster}`,
        `--username=${superuser}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        // Without these a machine with no LANG would get a SQL_ASCII database.
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
      ],
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** Runs one of PostgreSQL's programs to its end. @throws {EmbeddedError} with what it printed */
export async function run(
  program: string,
  options: { args: readonly string[]; account: Account | undefined },
): Promise<void> {
  const child = spawn(program, options.args, {
    ...options.account,
    cwd: resolve("/"),
    env: serverEnvironment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((done, failed) => child.once("error", failed).once("exit", done));
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new EmbeddedError(`${program} failed (exit code ${code}):\n${(errors || output).trim()}`);
}
