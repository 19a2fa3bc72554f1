import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { MigrationError } from "../errors.ts";
import { migrationsFolder, readJournal, shortestPath } from "../journal/folder.ts";
import { readScript, type Statement } from "../journal/script.ts";
import { noTransactionRemedy } from "../lint/outside-transaction.ts";

export interface GenerateOptions {
  /** What the migration does, such as `add_country`. */
  readonly name: string;
  /** Creates an empty migration, for what drizzle-kit cannot generate: triggers, functions, rows. */
  readonly custom?: boolean | undefined;
  /** The folder that drizzle.config.ts names as `out`. */
  readonly folder?: string | undefined;
  /** The folder that contains drizzle.config.ts. */
  readonly cwd?: string | undefined;
}

export interface Generated {
  /** Undefined when drizzle-kit found no change of the schema. */
  readonly tag: string | undefined;
  readonly files: readonly string[];
}

/**
 * Generates the next migration with drizzle-kit, adds a lock timeout to it, and writes a skeleton of its down migration.
 * On a terminal, drizzle-kit may ask whether a table or column was renamed.
 *
 * @throws {MigrationError} when drizzle-kit fails, has a question and no terminal, or would write into another folder
 */
export async function generate(options: GenerateOptions): Promise<Generated> {
  const { name, custom, folder = migrationsFolder, cwd = "." } = options;
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name))
    throw new MigrationError("The name must be lower-case letters, digits and underscores, such as add_country.");
  const kit = locate(resolve(cwd));
  await refuseOtherFolder(kit, { folder, cwd });
  const before = new Set(
    existsSync(join(folder, "meta/_journal.json")) ? readJournal(folder).map(({ tag }) => tag) : [],
  );
  const output = await drizzleKit(kit, ["generate", "--name", name, ...(custom ? ["--custom"] : [])], cwd);
  const made = readJournal(folder).find(({ tag }) => !before.has(tag));
  if (made === undefined) {
    // On a terminal, drizzle-kit has printed the result itself.
    if (output === undefined || /No schema changes/.test(output)) return { tag: undefined, files: [] };
    throw new MigrationError(
      `drizzle-kit generated no migration in ${shortestPath(folder)}. Run the command on a terminal if drizzle-kit has a question.\n${output}`.trimEnd(),
    );
  }

  const up = join(folder, `${made.tag}.sql`);
  const sql = readFileSync(up, "utf8");
  const { statements } = await readScript({ file: up, sql, noTransaction: true });
  const isOutside = statements.some(({ words }) => noTransactionRemedy(words) !== undefined);
  writeFileSync(up, `${isOutside ? noTransaction : preamble}${sql}`);
  const down = join(folder, `${made.tag}.down.sql`);
  writeFileSync(down, skeleton(made.tag, statements));
  return { tag: made.tag, files: [up, down].map(shortestPath) };
}

const preamble = `-- A waiting lock request blocks every later one, so lock_timeout is short.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Unqualified names refer to public, independent of the role's search_path.
set local search_path = public;
--> statement-breakpoint

`;

/** For an index that the schema defines with `concurrently`. The migrator sets the lock timeout of each statement. */
const noTransaction = "-- migrate: no-transaction\n";

/** The skeleton contains no statement, so that `migrate check` rejects it until the down migration is written. */
function skeleton(tag: string, statements: readonly Statement[]): string {
  const undone = statements.toReversed().map(({ text }) => `--   ${text.split(/[\r\n]/)[0]}`);
  return [
    `-- Undoes ${tag}. Write the statements that undo these, in this order:`,
    ...(undone.length > 0 ? undone : ["--   (nothing yet)"]),
    '-- If it cannot be undone, make this the first line instead: "-- migrate: irreversible <reason>".',
    "",
  ].join("\n");
}

/** drizzle-kit writes only into the folder of its configuration, which must be the one that the caller names. */
async function refuseOtherFolder(kit: string, { folder, cwd }: { folder: string; cwd: string }): Promise<void> {
  const out = await configuredFolder(kit, cwd);
  if (out === undefined || resolve(cwd, out) === resolve(folder)) return;
  throw new MigrationError(
    `No migration was generated: drizzle-kit's configuration here writes into ${out}, not into ${shortestPath(folder)}. Name ` +
      "the same folder in both (--folder, out), or run the command in the folder of the other configuration.",
  );
}

/**
 * Reads `out` from the configuration as drizzle-kit does, with its own tsx.
 *
 * @returns undefined when the configuration cannot be read; drizzle-kit then reports the error
 */
async function configuredFolder(kit: string, cwd: string): Promise<string | undefined> {
  const file = ["ts", "js", "json"].map((ending) => resolve(cwd, `drizzle.config.${ending}`)).find(existsSync);
  const read = `const read = require(${JSON.stringify(file)}); console.log("\\n" + ((read.default ?? read).out ?? "drizzle"))`;
  try {
    const args = ["--require", createRequire(kit).resolve("tsx/cjs"), "--eval", read];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd });
    return stdout.trimEnd().split("\n").at(-1);
  } catch {
    return undefined;
  }
}

/** Runs drizzle-kit. @returns its output; undefined on a terminal, where the operator sees it */
async function drizzleKit(kit: string, args: readonly string[], cwd: string): Promise<string | undefined> {
  const onTerminal = process.stdin.isTTY && process.stdout.isTTY;
  const child = spawn(process.execPath, [kit, ...args], {
    cwd,
    stdio: onTerminal ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (output += data));
  const [code] = await once(child, "close");
  if (code !== 0) throw new MigrationError(`drizzle-kit generate failed.\n${output}`.trimEnd());
  return onTerminal ? undefined : output;
}

function locate(folder: string): string {
  const bin = join(folder, "node_modules/drizzle-kit/bin.cjs");
  if (existsSync(bin)) return bin;
  if (dirname(folder) !== folder) return locate(dirname(folder));
  throw new MigrationError(
    "drizzle-kit is not installed here. It is a development dependency: run `npm ci` without --omit=dev.",
  );
}
