import { Command } from "commander";

/** `aeturnis-data role …`: parses the options, and calls one module per command. */
export const roleCommand = new Command("role").description("manage the database role of the service").exitOverride();

roleCommand
  .command("grant <name>")
  .description(
    "give a role the privileges that the service needs, and take away what else it was granted in this database. Run it as " +
      "the owner of the tables, also after an upgrade",
  )
  .option("--create", "create the role if it does not exist", false)
  .option("--login", "let the role log in; its password is set with psql (\\password <name>)", false)
  .option("--dry-run", "print the statements, and run none", false)
  .exitOverride()
  .action(async (name, options) => (await import("./grant-command.ts")).roleGrant(name, options));
