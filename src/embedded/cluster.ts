import { createHash, randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeDataFolder } from "../config/index.ts";
import { type Account, isReachable } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { EmbeddedError } from "./errors.ts";
import { requireCluster } from "./ownership.ts";
import { runProgram } from "./program.ts";

/** The superuser of the embedded server, who owns its database. */
export const superuser = "aeturnis";
export const databaseName = "aeturnis";

/** Folder of the server files if root starts the service and `nobody` cannot reach the data folder. */
const sharedHome = "/var/lib/aeturnis-data";

/** Returns a folder that the server's account can reach: `folder` itself if possible. */
export function reachableHome(folder: string, account: Account | undefined): string {
  makeDataFolder(folder);
  if (isReachable(folder, account)) return realpathSync(folder);
  mkdirSync(sharedHome, { recursive: true });
  // The umask may have removed the permissions of other users.
  chmodSync(sharedHome, 0o755);
  return sharedHome;
}

export interface ClusterOptions {
  /** The data folder with symbolic links resolved. */
  readonly folder: string;
  /** Folder of the cluster; it differs from `folder` if the server's account cannot reach that one. */
  readonly home: string;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly password: string;
}

/**
 * Returns the cluster of a data folder, `<folder>/postgres`, which the first call creates. If the server's account cannot
 * enter the folder, the entry is a symbolic link to a cluster outside of it.
 *
 * @returns the cluster's resolved path; `fresh` is true if this call created it
 */
export async function openCluster(options: ClusterOptions): Promise<{ cluster: string; fresh: boolean }> {
  const { folder, home, account } = options;
  const entry = join(folder, "postgres");
  if (existsSync(entry)) {
    const cluster = realpathSync(entry);
    requireCluster(cluster, account);
    return { cluster, fresh: false };
  }
  requireNoDeadLink(entry);

  const outside = home !== folder;
  const cluster = outside ? join(home, `postgres-${randomUUID()}`) : entry;
  // The cluster is renamed when it is complete, so that an interrupted first start leaves no partial one. The next start
  // finds the remains under the same name.
  const unfinished = join(home, `unfinished-${createHash("sha256").update(folder).digest("hex").slice(0, 16)}`);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (account !== undefined) chownSync(unfinished, account.uid, account.gid);
  await initialize(unfinished, options);
  renameSync(unfinished, cluster);
  if (outside) symlinkSync(cluster, entry);
  return { cluster: realpathSync(cluster), fresh: true };
}

/** Sets the superuser's password while the server is stopped (PostgreSQL manual, postgres, single-user mode). */
export async function resetPassword(cluster: string, options: ClusterOptions): Promise<void> {
  await runProgram(join(options.binaries, "bin", "postgres"), {
    args: ["--single", "-D", cluster, "postgres"],
    account: options.account,
    input: `alter role ${superuser} password '${options.password}'\n`,
  });
}

/** @throws {EmbeddedError} when another major version created the cluster, which this one cannot read */
export async function requireVersion(cluster: string, options: ClusterOptions): Promise<void> {
  const made = readFileSync(join(cluster, "PG_VERSION"), "utf8").trim();
  const installed = await runProgram(join(options.binaries, "bin", "postgres"), {
    args: ["--version"],
    account: options.account,
  });
  if (installed.includes(` ${made}.`)) return;
  throw new EmbeddedError(
    `The data in ${cluster} was made by PostgreSQL ${made}, and this is ${installed.trim()}. Take it over with pg_dump of the ` +
      "version that made it, or begin anew with another DATA_DIR.",
  );
}

async function initialize(cluster: string, { binaries, account, password }: ClusterOptions): Promise<void> {
  const passwordFile = `${cluster}.password`;
  rmSync(passwordFile, { force: true });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account !== undefined) chownSync(passwordFile, account.uid, account.gid);
  try {
    await runProgram(join(binaries, "bin", "initdb"), {
      account,
      args: [
        `--pgdata=${cluster}`,
        `--username=${superuser}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        // Without these options, initdb creates a SQL_ASCII database where LANG is unset.
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

function requireNoDeadLink(entry: string): void {
  if (lstatSync(entry, { throwIfNoEntry: false }) === undefined) return;
  throw new EmbeddedError(`The data that ${entry} leads to is gone. Bring it back, or remove that link to begin anew.`);
}
