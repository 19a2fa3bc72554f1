import { spawn } from "node:child_process";
import { basename, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Account } from "./account.ts";
import { EmbeddedError } from "./errors.ts";

/**
 * What PostgreSQL's programs get of our environment: enough to run. Our secrets are none of theirs, and a
 * locale of the machine's none of our data's.
 */
export const serverEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env["PATH"],
  // Windows starts no program without.
  SystemRoot: process.env["SystemRoot"],
  LC_ALL: "C",
};

/** Runs one of PostgreSQL's programs to its end, and gives what it printed. @throws {EmbeddedError} with that, if it failed */
export async function run(
  program: string,
  options: { args: readonly string[]; account: Account | undefined; input?: string },
): Promise<string> {
  const child = spawn(program, options.args, {
    ...options.account,
    cwd: resolve("/"),
    env: serverEnvironment,
    stdio: ["pipe", "pipe", "pipe"],
    // Ctrl-C is for the service: it stops when this has come to its end, which is soon.
    detached: true,
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.input);
  const ended = new Promise<number | null>((done, failed) => child.once("error", failed).once("exit", done));
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]).catch((cause) => {
    throw new EmbeddedError(`${basename(program)} could not be started (${cause.code}).`, { cause });
  });
  if (code !== 0) {
    const said = (errors || output).trim().split("\n").slice(-8).join("\n");
    throw new EmbeddedError(`${basename(program)} failed (exit code ${code}):\n${said}`);
  }
  return output;
}
