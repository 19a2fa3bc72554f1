import { Command } from "commander";

/** `aeturnis-data keys …`: parses the options, and calls one module per command. */
export const keysCommand = new Command("keys")
  .description("generate and rotate the keys that encrypt secrets in the database")
  .exitOverride();

keysCommand
  .command("generate")
  .description("print a new entry for ENCRYPTION_KEYS")
  .option("--id <id>", "1 to 16 characters of a-z, 0-9, _ and -, which no other key has (default: the present date)")
  .exitOverride()
  .action(async (options) => (await import("./generate-command.ts")).keysGenerate(options));

keysCommand
  .command("rotate")
  .description(
    "encrypt the secrets of older keys with the newest one, beside running services; the same command continues an " +
      "interrupted rotation. Exit code: 0 if every secret has the newest key, 1 if not",
  )
  .option("--json", "print the result as JSON")
  .exitOverride()
  .action(async (options) => (await import("./rotate-command.ts")).keysRotate(options));
