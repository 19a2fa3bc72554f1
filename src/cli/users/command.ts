import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { exportFormatChoices, importFormatChoices, presetChoices, roleChoices, statusChoices } from "./choices.ts";

/** `aeturnis-data users …`: parses the options, and calls one module per command. */
export const usersCommand = new Command("users")
  .description("look at accounts and change them; import and export them in bulk")
  .exitOverride();

const userArgument = "<user>";
const userHelp = "id, username or email";

usersCommand
  .command("show")
  .description("print an account, its security state and the number of its live sessions")
  .argument(userArgument, userHelp)
  .option("--json", "print JSON", false)
  .action(async (user, options) => (await import("./show-command.ts")).usersShow(user, options));

usersCommand
  .command("create")
  .description("create an account; without a file its password is generated, and must be changed at the first sign-in")
  .requiredOption("--email <email>", "its email")
  .requiredOption("--username <name>", "its username")
  .addOption(new Option("--role <role>", "its role").choices(roleChoices).default("user"))
  .option("--password-file <file>", "file whose first line is the password; - for standard input")
  .option("--json", "print JSON", false)
  .action(async (options) => (await import("./create-command.ts")).usersCreate(options));

usersCommand
  .command("set-status")
  .description("set the status of an account; suspended and banned end its sessions")
  .argument(userArgument, userHelp)
  .addArgument(new Argument("<status>").choices(statusChoices))
  .option("--json", "print JSON", false)
  .action(async (user, status, options) =>
    (await import("./change-commands.ts")).usersSetStatus(user, status, options),
  );

usersCommand
  .command("set-role")
  .description("set the role of an account")
  .argument(userArgument, userHelp)
  .addArgument(new Argument("<role>").choices(roleChoices))
  .option("--json", "print JSON", false)
  .action(async (user, role, options) => (await import("./change-commands.ts")).usersSetRole(user, role, options));

usersCommand
  .command("unlock")
  .description("reset the failed sign-in attempts of an account and end its locks")
  .argument(userArgument, userHelp)
  .option("--json", "print JSON", false)
  .action(async (user, options) => (await import("./change-commands.ts")).usersUnlock(user, options));

usersCommand
  .command("import")
  .description(
    "import users with their password hashes; the same command resumes an interrupted import. Exit code: 0 if all rows " +
      "are imported, 1 if some were refused, 2 if the import failed",
  )
  .argument("<file>", "a .csv, .jsonl or .json file, compressed with gzip or not; - for standard input")
  .addOption(new Option("--format <format>", "required if the file name does not tell it").choices(importFormatChoices))
  .option("--atomic", "import all rows or none, in one transaction")
  .addOption(new Option("--from <system>", "read the export of another system").choices(presetChoices))
  .option("--firebase-hash-config <file>", "hash parameters of the Firebase project, as its console shows them")
  .option(
    "--map <column=field>",
    "map a column or key to a field; an empty field omits it; may be repeated",
    addColumnMapping,
    {},
  )
  .option("--allow-reserved-names", "let players have reserved names, such as Guest4711")
  .option("--restart", "begin anew, even if the file is partly or wholly imported")
  .option("--json", "print the result as JSON; progress goes to standard error")
  // commander's own exit code is 1, which here means that rows were refused.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action(async (file, options) => (await import("./import-command.ts")).usersImport({ ...options, file }));

usersCommand
  .command("export")
  .description("write all users in the order of their ids, from one snapshot of the database")
  .argument("[file]", "output file; - for standard output", "-")
  .addOption(new Option("--format <format>", "csv by default, or as the file name tells").choices(exportFormatChoices))
  .option("--with-password-hashes", "include password hashes, so that an import can read the file: keep it safe")
  .option("--with-deleted", "include soft-deleted users")
  .action(async (file, options) => (await import("./export-command.ts")).usersExport({ ...options, file }));

function addColumnMapping(text: string, earlier: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.lastIndexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be COLUMN=FIELD, or COLUMN= to omit the column.");
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}
