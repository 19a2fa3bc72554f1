import { spawn } from "node:child_process";
import { basename, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Account } from "./account.ts";
import { EmbeddedError } from "./errors.ts";

/**
 * The environment of PostgreSQL's programs. It contains none of the service's secrets, and a fixed locale, because that of
 * the machine must not affect the data.
 */
export const serverEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env["PATH"],
  // Windows needs it to start a program.
  SystemRoot: process.env["SystemRoot"],
  LC_ALL: "C",
};

/** Runs one of PostgreSQL's programs and returns its output. @throws {EmbeddedError} with the output when it fails */
export async function runProgram(
  program: string,
  options: { args: readonly string[]; account: Account | undefined; input?: string },
): Promise<string> {
  const child = spawn(program, options.args, {
    ...options.account,
    cwd: resolve("/"),
    env: serverEnvironment,
    stdio: ["pipe", "pipe", "pipe"],
    // Ctrl-C reaches only the service, which waits for this program.
    detached: true,
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.input);
  const ended = new Promise<number | null>((done, failed) => child.once("error", failed).once("exit", done));
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]).catch((cause) => {
    throw new EmbeddedError(`${basename(program)} could not be started (${cause.code}).`, { cause });
  });
  if (code !== 0) {
    const message = (errors || output).trim().split("\n").slice(-8).join("\n");
    throw new EmbeddedError(`${basename(program)} failed (exit code ${code}):\n${message}`);
  }
  return output;
}
