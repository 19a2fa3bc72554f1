import { Command, InvalidArgumentError, Option } from "commander";
import { exportFormatChoices, importFormatChoices, presetChoices } from "./choices.ts";

/** `aeturnis-data users …`: parses the options, and calls one module per command. */
export const usersCommand = new Command("users").description("import and export accounts in bulk").exitOverride();

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
