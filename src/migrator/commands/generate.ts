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
  /** What it does, as in `add_country`. */
  readonly name: string;
  /** An empty migration, for what drizzle-kit cannot know: triggers, functions, rows. */
  readonly custom?: boolean | undefined;
  /** The folder that drizzle.config.ts names as `out`. */
  readonly folder?: string | undefined;
  /** Where drizzle.config.ts is. */
  readonly cwd?: string | undefined;
}

export interface Generated {
  /** Undefined: drizzle-kit saw no change of the schema. */
  readonly tag: string | undefined;
  readonly files: readonly string[];
}

/**
 * Lets drizzle-kit write the next migration, gives it its lock time-out, and puts a skeleton of the way back
 * beside it. On a terminal drizzle-kit may ask whether something was renamed.
 *
 * @throws {MigrationError} when drizzle-kit fails, cannot ask what it has to, or would write into another folder
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
    // On a terminal it has asked, and said what it found.
    if (output === undefined || /No schema changes/.test(output)) return { tag: undefined, files: [] };
    throw new MigrationError(
      `drizzle-kit made no migration in ${shortestPath(folder)}. Run it on a terminal if it has to ask.\n${output}`.trimEnd(),
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

const preamble = `-- Whoever waits for a table makes everybody wait who comes later: so not for long.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Names mean what is in public, whatever the role's search_path: drizzle-kit sets none.
set local search_path = public;
--> statement-breakpoint

`;

/** For an index that the schema says to build concurrently. Each statement stays in a queue as long as the migrator says. */
const noTransaction = "-- migrate: no-transaction\n";

/** No statement, so that nobody can forget to write them: \`migrate check\` refuses an empty way back. */
function skeleton(tag: string, statements: readonly Statement[]): string {
  const done = statements.toReversed().map(({ text }) => `--   ${text.split(/[\r\n]/)[0]}`);
  return [
    `-- Undoes ${tag}. Write what takes back, in this order:`,
    ...(done.length > 0 ? done : ["--   (nothing yet)"]),
    '-- If it cannot be undone, let this be the first line instead: "-- migrate: irreversible <reason>".',
    "",
  ].join("\n");
}

/** drizzle-kit takes no folder beside its configuration: it would write there, and we look for its files here. */
async function refuseOtherFolder(kit: string, { folder, cwd }: { folder: string; cwd: string }): Promise<void> {
  const out = await configuredFolder(kit, cwd);
  if (out === undefined || resolve(cwd, out) === resolve(folder)) return;
  throw new MigrationError(
    `No migration was made: drizzle-kit's configuration here writes into ${out}, not into ${shortestPath(folder)}. Name the ` +
      "same folder in both (--folder, out), or go where the other configuration is.",
  );
}

/**
 * What the configuration names as `out`, read as drizzle-kit reads it: in any language, by its own tsx.
 *
 * @returns undefined when it cannot be read: drizzle-kit will say why
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

/** Runs drizzle-kit, as it is installed here. @returns what it printed; undefined: it was seen on the terminal */
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
    "drizzle-kit is not installed here: it belongs to development (`npm ci` without --omit=dev).",
  );
}
