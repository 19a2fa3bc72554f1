#!/usr/bin/env node
import { Command } from "commander";
import { version } from "../server/service.ts";
import { fail } from "./fail.ts";
import { serve } from "./serve.ts";
import { token } from "./token.ts";

const program = new Command("aeturnis-data")
  .description("The identity data service of Aeturnis Online.")
  .version(version);

program.command("serve").description("run the service").action(serve);

program
  .command("token")
  .description("print an access token for a back end of the game")
  .requiredOption("--service <name>", "the back end's name, as the audit trail will show it")
  .option("--lifetime <span>", "how long it is good for, such as 12h or 90d", "90d")
  .action(token);

await program.parseAsync().catch(fail);
