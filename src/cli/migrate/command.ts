import { Command, InvalidArgumentError, Option } from "commander";

/** `aeturnis-data migrate …`: parses, and hands over to one file a command. */
export const migrate = new Command("migrate")
  .description("look at the database's migrations, apply and undo them")
  .exitOverride();

const folder = new Option("--folder <path>", "the folder that drizzle-kit writes (this package's own)");
const table = new Option("--table <schema.table>", "where drizzle-kit keeps its records").default(
  "drizzle.__drizzle_migrations",
);
const json = new Option("--json", "print the result as JSON; what happens meanwhile goes to standard error");
const lockWait = new Option("--lock-wait <seconds>", "longest wait for other migrators, or for a table")
  .argParser(seconds)
  .default(600_000, "600");
const lockTimeout = new Option(
  "--lock-timeout <seconds>",
  "longest stay in the queue for a table, before it is tried again",
)
  .argParser(seconds)
  .default(2_000, "2");
const yes = new Option("--yes", "do not ask");
const dryRun = new Option("--dry-run", "only say what would be done");
const allowDrift = new Option("--allow-drift", "go on although the database and the folder differ");
const scratch = new Option("--scratch <url>", "a server on which a scratch database may be made (the database's own)");
const steps = new Option("--steps <count>", "at most so many").argParser(positive);

/** Commands end as they must also when they throw; the usage that commander refuses is not theirs. */
const toItsEnd =
  <Args extends unknown[]>(run: (...args: Args) => Promise<void>) =>
  async (...args: Args): Promise<void> => {
    try {
      await run(...args);
    } catch (error) {
      const invoked = args.at(-1) as Command;
      (await import("./fail.ts")).failWith(error, invoked.opts());
    }
  };

function command(name: string, description: string, options: Option[]): Command {
  const made = migrate.command(name).description(description);
  for (const option of [...options, folder, table, json]) made.addOption(option);
  return made;
}

command("up", "apply what is pending", [
  new Option("--to <tag>", "the last one to apply"),
  steps,
  dryRun,
  allowDrift,
  lockWait,
  lockTimeout,
]).action(toItsEnd(async (options) => (await import("./up.ts")).migrateUp(options)));

command("down", "undo the newest", [
  steps,
  new Option("--to <tag>", "go back to this one, which stays").conflicts(["steps", "all"]),
  new Option("--all", "undo every one").conflicts("steps"),
  dryRun,
  yes,
  allowDrift,
  lockWait,
  lockTimeout,
]).action(toItsEnd(async (options) => (await import("./down.ts")).migrateDown(options)));

command("redo", "undo the newest and apply it again", [yes, lockWait, lockTimeout]).action(
  toItsEnd(async (options) => (await import("./down.ts")).migrateRedo(options)),
);

command(
  "status",
  "one line a migration; exits with 0 when all are applied, 1 when some are pending, 2 when a person must look",
  [],
).action(toItsEnd(async (options) => (await import("./status.ts")).migrateStatus(options)));

command("plan", "show the SQL that up would run, what each statement locks and for whom; nothing is done", [
  new Option("--to <tag>", "the last one to plan"),
  steps,
  scratch,
]).action(toItsEnd(async (options) => (await import("./plan.ts")).migratePlan(options)));

command("verify", "prove every way back on a scratch database, with rows in every table", [
  new Option("--steps <count>", "only the newest so many").argParser(positive),
  scratch,
]).action(toItsEnd(async (options) => (await import("./verify.ts")).migrateVerify(options)));

command("baseline", "record an existing database as being at a migration, if its catalog says so", [
  scratch,
  allowDrift,
  lockWait,
])
  .argument("<tag>", "the migration that it is at")
  .action(toItsEnd(async (tag, options) => (await import("./baseline.ts")).migrateBaseline({ ...options, tag })));

command("repair", "show where drizzle-kit's table disagrees with the files, and mend it; never the schema", [yes])
  .argument("[tags...]", "only these")
  .action(toItsEnd(async (tags, options) => (await import("./repair.ts")).migrateRepair({ ...options, tags })));

migrate
  .command("check")
  .description("whether the journal and the files agree, and every migration has its way back; needs no database")
  .addOption(folder)
  .addOption(json)
  .action(toItsEnd(async (options) => (await import("./check.ts")).migrateCheck(options)));

migrate
  .command("new")
  .description("let drizzle-kit write the next migration, and put a skeleton of its way back beside it")
  .argument("<name>", "what it does: add_country")
  .option("--custom", "an empty one, for what drizzle-kit cannot know: triggers, functions, rows")
  .addOption(folder)
  .addOption(json)
  .action(toItsEnd(async (name, options) => (await import("./new.ts")).migrateNew({ ...options, name })));

function seconds(text: string): number {
  const ms = Number(text) * 1000;
  if (text.trim() === "" || !(ms > 0 && ms <= 2_000_000_000))
    throw new InvalidArgumentError("It must be a number of seconds.");
  return ms;
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError("It must be a whole number from 1 on.");
  return Number(text);
}
