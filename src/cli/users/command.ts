import { Command, InvalidArgumentError, Option } from "commander";
import { exportFormatChoices, importFormatChoices, presetChoices } from "./choices.ts";

function mapped(text: string, others: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.lastIndexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be COLUMN=FIELD, or COLUMN= to leave it out.");
  return { ...others, [text.slice(0, at)]: text.slice(at + 1) };
}

/** `aeturnis-data users …`: parses, and hands over to one file a command. */
export const usersCommand = new Command("users").description("bring accounts in, and out, in bulk").exitOverride();

usersCommand
  .command("import")
  .description(
    "bring in users, with the hashes of their passwords; the same command goes on where it was broken off. Exits with 0 " +
      "when all are imported, 1 when some were refused, 2 when it could not be done",
  )
  .argument("<file>", "a file .csv, .jsonl or .json, compressed with gzip or not; - for standard input")
  .addOption(new Option("--format <format>", "what it is, if its name does not tell").choices(importFormatChoices))
  .option("--atomic", "all rows or none, in one transaction")
  .addOption(new Option("--from <system>", "what another system exports, as it is").choices(presetChoices))
  .option("--firebase-hash-config <file>", "the parameters of the project's hashes, as Firebase's console shows them")
  .option(
    "--map <column=field>",
    "a column or key that is called otherwise; without a field it is left out",
    mapped,
    {},
  )
  .option("--allow-reserved-names", "players keep names that speak for the game, such as Guest4711")
  .option("--restart", "begin anew, whatever was imported of this file before")
  .option("--json", "print the result as JSON; what happens meanwhile goes to standard error")
  // 1 says that rows were refused.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action(async (file, options) => (await import("./import-command.ts")).usersImport({ ...options, file }));

usersCommand
  .command("export")
  .description("write all users, in the order of their ids, as they are at one moment")
  .argument("[file]", "where to; - for standard output", "-")
  .addOption(new Option("--format <format>", "csv, unless the file's name tells").choices(exportFormatChoices))
  .option("--with-password-hashes", "so that they can be imported elsewhere: keep it safe")
  .option("--with-deleted", "softly deleted users, too")
  .action(async (file, options) => (await import("./export-command.ts")).usersExport({ ...options, file }));
