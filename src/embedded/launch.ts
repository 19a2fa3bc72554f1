import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Account } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { EmbeddedError } from "./errors.ts";
import { readPidFile } from "./processes.ts";
import { serverEnvironment } from "./program.ts";

/** Time for the server to start or stop, including crash recovery (ms). */
export const startStopTimeout = 60_000;

/** Starts the server and waits until it accepts connections. @throws {EmbeddedError} with the end of the server log */
export async function launch(
  cluster: string,
  options: {
    folder: string;
    binaries: Binaries;
    account: Account | undefined;
    port: number;
    settings: Readonly<Record<string, string>>;
  },
): Promise<ChildProcess> {
  const settings = {
    port: String(options.port),
    listen_addresses: "127.0.0.1",
    // A Unix socket would need a folder with a short path. TCP works everywhere.
    unix_socket_directories: "",
    ...options.settings,
  };
  const logFile = join(options.folder, "postgres.log");
  const output = openSync(logFile, "a", 0o600);
  const begin = fstatSync(output).size;
  const child = spawn(
    join(options.binaries, "bin", "postgres"),
    ["-D", cluster, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    {
      ...options.account,
      cwd: resolve("/"),
      env: serverEnvironment,
      stdio: ["ignore", output, output],
      // Its own process group, so that Ctrl-C reaches only the service, which stops the server after its requests.
      detached: true,
    },
  );
  closeSync(output);
  let failure: string | undefined;
  child.once("error", (error) => (failure = error.message));
  child.once("exit", (code, signal) => (failure ??= `it ended with ${signal ?? `exit code ${code}`}`));

  const deadline = Date.now() + startStopTimeout;
  while (failure === undefined && Date.now() < deadline) {
    const state = readPidFile(cluster);
    if (state?.pid === child.pid && state?.ready) return child;
    await pause(10);
  }
  child.kill("SIGQUIT");
  throw new EmbeddedError(
    `The embedded PostgreSQL did not start (${failure ?? "it was not ready in time"}). ${quoteLog(logFile, begin)}`,
  );
}

/** Requests a fast shutdown, then an immediate one and SIGKILL, 10 s apart (PostgreSQL manual, 18.5). */
export async function stopServer(child: ChildProcess): Promise<void> {
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

/** Quotes the last lines of the log after byte `begin`, where this start begins. */
function quoteLog(file: string, begin: number): string {
  const text = readFileSync(file).subarray(begin).toString().trim();
  if (text === "") return `It wrote nothing into ${file}.`;
  return `The end of what it wrote into ${file}:\n${text.split("\n").slice(-8).join("\n")}`;
}
