import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import postgres from "postgres";
import type { Log } from "../../log.ts";
import { type Account, serverAccount } from "./account.ts";
import { type Binaries, locateBinaries } from "./binaries.ts";
import { databaseName, openCluster, password, reachableHome, run, superuser } from "./cluster.ts";
import { EmbeddedError } from "./errors.ts";
import { lockFolder } from "./lock.ts";
import { pidFile, readPidFile, serverProcesses } from "./processes.ts";

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

/** How long a server may take to start or stop, recovery after a crash included (ms). */
const patience = 60_000;

/** A server that dies more often than this within a minute is given up. */
const restartsPerMinute = 5;

/**
 * Starts PostgreSQL on the data in `folder`, which is made on the first start. A server that a killed
 * service left behind is stopped first; one that dies is started again.
 *
 * @throws {DataInUse} when another service owns the data
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { log } = options;
  const folder = resolve(options.folder);
  const account = serverAccount();
  const home = reachableHome(folder, account);
  const lock = await lockFolder(folder);
  try {
    const binaries = await locateBinaries(home, account);
    const cluster = await openCluster({ folder, home, binaries, account });
    await clearOrphans(cluster, { binaries, account, log });

    const port = await freePort(lastPort(folder));
    const url = `postgres://${superuser}:${password(folder)}@127.0.0.1:${port}/${databaseName}`;
    const start = () => launch(cluster, { folder, binaries, account, port, settings: options.settings ?? {} });
    const supervised = await supervise(start, { log, onLost: options.onLost });
    await createDatabase(url);
    writeFileSync(join(folder, "url"), `${url}\n`, { mode: 0o600 });
    return {
      url,
      cluster,
      stop: async () => {
        await supervised.stop();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

type Child = ReturnType<typeof spawn>;

/** Starts the server and waits until it takes connections. */
async function launch(
  cluster: string,
  options: {
    folder: string;
    binaries: Binaries;
    account: Account | undefined;
    port: number;
    settings: Readonly<Record<string, string>>;
  },
): Promise<Child> {
  const settings = {
    port: String(options.port),
    listen_addresses: "127.0.0.1",
    // Socket files would need a folder with a short path; TCP works everywhere.
    unix_socket_directories: "",
    ...options.settings,
  };
  const logFile = join(options.folder, "postgres.log");
  const output = openSync(logFile, "a", 0o600);
  const child = spawn(
    join(options.binaries, "bin", "postgres"),
    ["-D", cluster, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    {
      ...options.account,
      cwd: resolve("/"),
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", output, output],
      // A process group of its own: Ctrl-C is for the service, which stops its server when it has finished.
      detached: true,
    },
  );
  closeSync(output);
  let failure: string | undefined;
  child.once("error", (error) => (failure = error.message));
  child.once("exit", (code, signal) => (failure ??= `it ended with ${signal ?? `exit code ${code}`}`));

  const deadline = Date.now() + patience;
  while (failure === undefined && Date.now() < deadline) {
    const state = readPidFile(cluster);
    if (state?.pid === child.pid && state?.ready) return child;
    await pause(10);
  }
  child.kill("SIGQUIT");
  throw new EmbeddedError(
    `The embedded PostgreSQL did not start (${failure ?? "it was not ready in time"}). The end of ${logFile}:\n${lastLines(logFile)}`,
  );
}

/** Keeps the server running: starts it, and again when it dies, until it is stopped. */
async function supervise(
  start: () => Promise<Child>,
  options: { log: Log; onLost: ((error: Error) => void) | undefined },
): Promise<{ stop: () => Promise<void> }> {
  let child = await start();
  let stopping = false;
  let restarting: Promise<void> | undefined;
  let deaths: number[] = [];

  const watch = () => {
    child.once("exit", (code, signal) => {
      if (!stopping) restarting = restart(signal ?? `exit code ${code}`);
    });
  };
  const restart = async (reason: string) => {
    deaths = [...deaths.filter((at) => at > Date.now() - 60_000), Date.now()];
    options.log.error({ reason, deaths: deaths.length }, "the embedded PostgreSQL died, starting it again");
    try {
      if (deaths.length > restartsPerMinute)
        throw new EmbeddedError("The embedded PostgreSQL keeps dying; see postgres.log beside its data.");
      child = await startAgain(start);
      watch();
      options.log.info("the embedded PostgreSQL runs again");
    } catch (error) {
      options.onLost?.(error as Error);
    }
  };
  watch();

  return {
    stop: async () => {
      stopping = true;
      await restarting;
      await stopChild(child);
    },
  };
}

/** Children of a killed server hold its shared memory for a moment, and PostgreSQL refuses to start beside them. */
async function startAgain(start: () => Promise<Child>): Promise<Child> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(200);
    }
  }
}

/** Fast shutdown, and the harder ones if that takes too long (manual, 18.5). */
async function stopChild(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    child.kill(signal);
    const late = new AbortController();
    const done = await Promise.race([
      exited.then(() => true),
      pause(10_000, false, { signal: late.signal, ref: false }),
    ]);
    late.abort();
    if (done) return;
  }
}

/** Stops what a killed service left running on the cluster. We own the lock, so nobody else needs it. */
async function clearOrphans(
  cluster: string,
  options: { binaries: Binaries; account: Account | undefined; log: Log },
): Promise<void> {
  const orphan = readPidFile(cluster);
  if (orphan === undefined) return;
  const running = serverProcesses(cluster);
  if (running === undefined || running.includes(orphan.pid)) {
    options.log.warn({ pid: orphan.pid }, "a PostgreSQL was left behind by a service that was killed; stopping it");
    const args = ["stop", `--pgdata=${cluster}`, "--mode=fast", "--wait", `--timeout=${patience / 1000}`];
    // Where processes cannot be listed, the lock file may be all that is left of it.
    const stopped = run(join(options.binaries, "bin", "pg_ctl"), { args, account: options.account });
    await (running === undefined ? stopped.catch(() => {}) : stopped);
    return;
  }
  const deadline = Date.now() + patience;
  while ((serverProcesses(cluster)?.length ?? 0) > 0) {
    if (Date.now() > deadline)
      throw new EmbeddedError(
        `Processes of a killed PostgreSQL still run on ${cluster}: ${serverProcesses(cluster)?.join(", ")}. End them.`,
      );
    await pause(50);
  }
  // Nobody runs on it any more, and its process id may be another's by now, which PostgreSQL would take for a server.
  rmSync(pidFile(cluster), { force: true });
}

async function createDatabase(url: string): Promise<void> {
  const sql = postgres(url.replace(/[^/]+$/, "postgres"), { max: 1, onnotice: () => {} });
  try {
    const [found] = await sql`select 1 from pg_database where datname = ${databaseName}`;
    if (found === undefined) await sql`create database ${sql(databaseName)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** The port of the last start, so that a saved address stays good. */
function lastPort(folder: string): number {
  const file = join(folder, "url");
  if (!existsSync(file)) return 0;
  // Made by an earlier start; its mode may have been changed since.
  chmodSync(file, 0o600);
  const text = readFileSync(file, "utf8").trim();
  return URL.canParse(text) ? Number(new URL(text).port) : 0;
}

async function freePort(wanted: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(wanted, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : wanted;
  } catch (error) {
    if (wanted === 0) throw error;
    return freePort(0);
  } finally {
    server.close();
  }
}

function lastLines(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").slice(-8).join("\n") : "(no log)";
}
