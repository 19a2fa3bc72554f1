import { realpathSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import postgres from "postgres";
import type { Log } from "../../log.ts";
import { serverAccount } from "./account.ts";
import { locateBinaries } from "./binaries.ts";
import { databaseName, openCluster, password, reachableHome, superuser } from "./cluster.ts";
import { launch } from "./launch.ts";
import { lockFolder } from "./lock.ts";
import { clearOrphans } from "./orphans.ts";
import { freePort, lastPort } from "./port.ts";
import { supervise } from "./supervise.ts";

/** A PostgreSQL of our own, running. */
export interface EmbeddedServer {
  readonly url: string;
  /** Where the data really is. */
  readonly cluster: string;
  /** Stops the server, letting nothing run on. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** The data folder; made when it is missing. */
  readonly folder: string;
  readonly log: Log;
  /** Server settings beyond the defaults, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Called when the server died and could not be started again. */
  readonly onLost?: (error: Error) => void;
}

/**
 * Starts PostgreSQL on the data in `folder`, which is made on the first start. A server that a killed
 * service left behind is stopped first; one that dies is started again.
 *
 * @throws {DataInUse} when another service owns the data
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { log } = options;
  const account = serverAccount();
  const home = reachableHome(resolve(options.folder), account);
  // One folder has one lock, by whatever links it is reached.
  const folder = realpathSync(options.folder);
  const lock = await lockFolder(folder);
  let supervised: Awaited<ReturnType<typeof supervise>> | undefined;
  const stop = async () => {
    await supervised?.stop();
    await lock.release();
  };
  try {
    const binaries = await locateBinaries(home, account);
    const cluster = await openCluster({ folder, home, binaries, account });
    await clearOrphans(cluster, { binaries, account, log });

    const port = await freePort(lastPort(folder));
    const url = `postgres://${superuser}:${password(folder)}@127.0.0.1:${port}/${databaseName}`;
    const start = () => launch(cluster, { folder, binaries, account, port, settings: options.settings ?? {} });
    supervised = await supervise(start, { log, onLost: options.onLost });
    await createDatabase(url);
    writeFileSync(join(folder, "url"), `${url}\n`, { mode: 0o600 });
    return { url, cluster, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function createDatabase(url: string): Promise<void> {
  const sql = postgres(url.replace(/[^/]+$/, "postgres"), { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    const [found] = await sql`select 1 from pg_database where datname = ${databaseName}`;
    if (found === undefined) await sql`create database ${sql(databaseName)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
