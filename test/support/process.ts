import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, onTestFinished } from "vitest";
import { poolerOf, type TestSettings } from "./database.ts";

export const builtMain = join(import.meta.dirname, "../../dist/bin/aeturnis-data.js");

/** Creates a data folder, and removes it with its cluster when the test ends. */
export function dataFolder(options: { reachable?: boolean } = {}): string {
  const { folder, remove } = createDataFolder();
  if (options.reachable) chmodSync(dirname(folder), 0o755);
  onTestFinished(remove);
  return folder;
}

/** One data folder for several tests of a file. The first service on it creates the database; the others find it. */
export function sharedDataFolder(): string {
  const { folder, remove } = createDataFolder();
  afterAll(remove);
  return folder;
}

function createDataFolder(): { folder: string; remove: () => void } {
  const parent = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
  const folder = join(parent, "data");
  const remove = () => {
    rmSync(clusterOf(folder) ?? folder, { recursive: true, force: true });
    rmSync(parent, { recursive: true, force: true });
  };
  return { folder, remove };
}

/** The actual folder of the cluster of a data folder. */
export function clusterOf(folder: string): string | undefined {
  try {
    return realpathSync(join(folder, "postgres"));
  } catch {
    return undefined;
  }
}

/** Processes of the server on a data folder. */
export function serversOn(folder: string): number[] {
  const cluster = clusterOf(folder);
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === cluster;
      } catch {
        return false;
      }
    });
}

/**
 * Runs `aeturnis-data …` as a process with this environment and no other. `terminal` runs it on a terminal (util-linux);
 * `main` is the program of another build.
 */
export function command(
  args: string[],
  env: Record<string, string> = {},
  {
    terminal = false,
    main = builtMain,
    ...options
  }: { uid?: number; gid?: number; cwd?: string; terminal?: boolean; main?: string } = {},
) {
  const path = [dirname(process.execPath), process.env["PATH"]].join(":");
  const plain = [process.execPath, main, ...args];
  const [program = "", ...rest] = terminal ? ["script", "-qec", plain.map(quote).join(" "), "/dev/null"] : plain;
  const child = spawn(program, rest, {
    env: {
      PATH: path,
      HOME: process.env["HOME"] ?? "/",
      ...(env["DATABASE_URL"] && poolerOf(env["DATABASE_URL"])),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  let output = "";
  let stdout = "";
  const look = new EventTarget();
  child.stdout.on("data", (data) => (stdout += data));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += data;
      look.dispatchEvent(new Event("output"));
    });
  }
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    output,
    stdout,
  }));
  // With SIGTERM, so that it also stops its database.
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  return { child, ended, output: () => output, look };
}

const quote = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Starts the service, and waits until it answers. */
export async function serve(env: TestSettings, options: { uid?: number; gid?: number; main?: string } = {}) {
  const running = command(["serve"], { PORT: "0", ...env }, options);
  const url = await Promise.race([
    said(running, /API +(\S+)/),
    running.ended.then(({ output }) => {
      throw new Error(`the service ended:\n${output}`);
    }),
  ]);
  return {
    ...running,
    url,
    stop: async (signal: NodeJS.Signals = "SIGTERM") => {
      running.child.kill(signal);
      return running.ended;
    },
  };
}

/** Waits until the output matches, and returns the first group. */
export async function said(running: { output: () => string; look: EventTarget }, pattern: RegExp): Promise<string> {
  for (;;) {
    const match = pattern.exec(running.output());
    if (match !== null) return match[1] ?? match[0];
    await once(running.look as never, "output");
  }
}
