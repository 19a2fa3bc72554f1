#!/usr/bin/env node
import { Command } from "commander";
import { version } from "../version.ts";
import { fail } from "./failure.ts";
import { migrate } from "./migrate/command.ts";
import { usersCommand } from "./users/command.ts";

const program = new Command("aeturnis-data")
  .description("The identity data service of Aeturnis Online.")
  .version(version)
  .exitOverride();

// What a command needs is loaded when it is called: `migrate` waits for no web server to be read.

program
  .command("serve")
  .description("run the service")
  .option("--migrate", "apply pending migrations first; on the embedded database they always are", false)
  .action(async (options) => (await import("./serve.ts")).serve(options));

program
  .command("token")
  .description("print an access token, for a back end of the game or for an account")
  .option("--service <name>", "the back end's name, as the audit trail will show it")
  .option("--user <user>", "the account's id, username or email")
  .option("--lifetime <span>", "how long it is good for, such as 12h or 90d (90d; of an account 15m)")
  .action(async (options) => (await import("./token.ts")).token(options));

program
  .command("access")
  .description("print who may call what, as the procedures declare it")
  .option("--json", "as JSON", false)
  .action(async (options) => (await import("./access.ts")).access(options));

program.addCommand(migrate);
program.addCommand(usersCommand);

await program.parseAsync().catch(fail);
