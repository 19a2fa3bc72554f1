import { realpathSync } from "node:fs";
import { join, resolve } from "node:path";

import { keepSecret, urlOfDatabase, writePrivately } from "../config/index.ts";
import { driverOptions, openDriver } from "../database/index.ts";
import type { Log } from "../observability/index.ts";
import { serverAccount } from "./account.ts";
import { locateBinaries } from "./binaries.ts";
import { databaseName, openCluster, reachableHome, requireVersion, resetPassword, superuser } from "./cluster.ts";
import { EmbeddedError } from "./errors.ts";
import { lockFolder } from "./folder-lock.ts";
import { launch } from "./launch.ts";
import { stopOrphans } from "./orphans.ts";
import { freePort, lastPort } from "./port.ts";
import { supervise } from "./supervise.ts";

/** A running embedded server. */
export interface EmbeddedServer {
  readonly url: string;
  /** The cluster with symbolic links resolved. */
  readonly cluster: string;
  /** Stops the server and all its processes. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** The data folder, created if it is missing. */
  readonly folder: string;
  readonly log: Log;
  /** Server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Called when the server ended unexpectedly and cannot be restarted. */
  readonly onLost?: (error: Error) => void;
}

/**
 * Starts PostgreSQL on the data in `folder`; the first start creates the data. It stops a server that a killed service left
 * running, and restarts its own server when that ends unexpectedly.
 *
 * @throws {DataInUseError} when another service owns the data
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { log } = options;
  const account = serverAccount();
  const home = reachableHome(resolve(options.folder), account);
  // Links are resolved, so that a folder has one lock and a cluster has one lock.
  const folder = realpathSync(options.folder);
  const closers: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    closers.push(await lockFolder(folder));
    const binaries = await locateBinaries(home, account);
    const { secret: password, fresh } = keepSecret(join(folder, "password"));
    const clusterOptions = { folder, home, binaries, account, password };
    const opened = await openCluster(clusterOptions);
    const { cluster } = opened;
    closers.push(await lockFolder(cluster));
    if (!opened.fresh) {
      await requireVersion(cluster, clusterOptions);
      await stopOrphans(cluster, { binaries, account, log });
      if (fresh) await resetPassword(cluster, clusterOptions);
    }

    const port = await freePort(lastPort(folder));
    const url = `postgres://${superuser}:${password}@127.0.0.1:${port}/${databaseName}`;
    const start = () => launch(cluster, { folder, binaries, account, port, settings: options.settings ?? {} });
    closers.push(await supervise(start, { log, onLost: options.onLost }));
    await createDatabase(url);
    writePrivately(join(folder, "url"), `${url}\n`);
    return { url, cluster, stop };
  } catch (error) {
    await stop();
    throw explainAccess(error, folder);
  }
}

/** Replaces a permission error by one with the remedy: files of another user are the usual cause. */
function explainAccess(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || !/^(EACCES|EPERM)$/.test(String(error.code))) return error;
  return new EmbeddedError(
    `The data in ${folder} belongs to another user (${error.message}). Start as that user, hand it over with chown -R, ` +
      "or take another DATA_DIR.",
    { cause: error },
  );
}

async function createDatabase(url: string): Promise<void> {
  const sql = openDriver({
    ...driverOptions({ url: urlOfDatabase(url, "postgres") }),
    max: 1,
    fetch_types: false,
    onnotice: () => {},
  });
  try {
    const [found] = await sql`select 1 from pg_database where datname = ${databaseName}`;
    if (found !== undefined) return;
    await sql`create database ${sql(databaseName)}`;
    // Only the superuser creates objects.
    await sql`revoke temporary on database ${sql(databaseName)} from public`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
