import { Command, InvalidArgumentError, Option } from "commander";

/** `aeturnis-data migrate …`: parses the arguments and calls the file of the command. */
export const migrate = new Command("migrate")
  .description("show, apply and undo the migrations of the database")
  .exitOverride();

const folder = new Option("--folder <path>", "migrations folder of drizzle-kit (default: the folder of this package)");
const table = new Option("--table <schema.table>", "migrations table of drizzle-kit").default(
  "drizzle.__drizzle_migrations",
);
const json = new Option("--json", "print the result as JSON; progress goes to standard error");
const lockWait = new Option("--lock-wait <seconds>", "maximum total wait for other migrators and for table locks")
  .argParser(seconds)
  .default(600_000, "600");
const lockTimeout = new Option(
  "--lock-timeout <seconds>",
  "maximum wait of one statement for a table lock, before the migration is retried",
)
  .argParser(seconds)
  .default(2_000, "2");
const yes = new Option("--yes", "do not ask for confirmation");
const dryRun = new Option("--dry-run", "print what the command would do, without doing it");
const allowDrift = new Option("--allow-drift", "continue although the database and the folder differ");
const scratch = new Option("--scratch <url>", "server for the scratch database (default: the server of the database)");
const steps = new Option("--steps <count>", "maximum number of migrations").argParser(positive);

/** Prints the error of a command that throws and sets the exit code. Commander handles usage errors before it runs. */
const withErrorOutput =
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

command("up", "apply the pending migrations", [
  new Option("--to <tag>", "last migration to apply"),
  steps,
  dryRun,
  allowDrift,
  lockWait,
  lockTimeout,
]).action(withErrorOutput(async (options) => (await import("./up.ts")).migrateUp(options)));

command("down", "undo the newest migration", [
  steps,
  new Option("--to <tag>", "undo every migration after this one").conflicts(["steps", "all"]),
  new Option("--all", "undo every migration").conflicts("steps"),
  dryRun,
  yes,
  allowDrift,
  lockWait,
  lockTimeout,
]).action(withErrorOutput(async (options) => (await import("./down.ts")).migrateDown(options)));

command("redo", "undo the newest migration and apply it again", [yes, lockWait, lockTimeout]).action(
  withErrorOutput(async (options) => (await import("./down.ts")).migrateRedo(options)),
);

command(
  "status",
  "print one line per migration; exits with 0 when all are applied, 1 when some are pending, 2 when an operator must act",
  [],
).action(withErrorOutput(async (options) => (await import("./status.ts")).migrateStatus(options)));

command("plan", "print the SQL that up would run, and the locks of each statement and what they block", [
  new Option("--to <tag>", "last migration to plan"),
  steps,
  scratch,
]).action(withErrorOutput(async (options) => (await import("./plan.ts")).migratePlan(options)));

command("verify", "verify every down migration on a scratch database, with rows in every table", [
  new Option("--steps <count>", "number of migrations to verify, from the newest").argParser(positive),
  scratch,
]).action(withErrorOutput(async (options) => (await import("./verify.ts")).migrateVerify(options)));

command("baseline", "record the migrations that an existing database contains, if its catalog matches", [
  scratch,
  allowDrift,
  lockWait,
])
  .argument("<tag>", "last migration to record")
  .action(
    withErrorOutput(async (tag, options) => (await import("./baseline.ts")).migrateBaseline({ ...options, tag })),
  );

command("repair", "show where the migrations table disagrees with the files, and repair the table; never the schema", [
  yes,
])
  .argument("[tags...]", "repair only these migrations")
  .action(withErrorOutput(async (tags, options) => (await import("./repair.ts")).migrateRepair({ ...options, tags })));

migrate
  .command("check")
  .description(
    "check that the journal and the files agree, and that every migration has a down migration; needs no database",
  )
  .addOption(folder)
  .addOption(json)
  .action(withErrorOutput(async (options) => (await import("./check.ts")).migrateCheck(options)));

migrate
  .command("new")
  .description("generate the next migration with drizzle-kit, and a skeleton of its down migration")
  .argument("<name>", "what the migration does, such as add_country")
  .option("--custom", "create an empty migration, for what drizzle-kit cannot generate: triggers, functions, rows")
  .addOption(folder)
  .addOption(json)
  .action(withErrorOutput(async (name, options) => (await import("./new.ts")).migrateNew({ ...options, name })));

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
