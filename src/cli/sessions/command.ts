import { Command } from "commander";

/** `aeturnis-data sessions …`: parses the options, and calls one module per command. */
export const sessionsCommand = new Command("sessions").description("list and end sessions of accounts").exitOverride();

sessionsCommand
  .command("list")
  .description("print the live sessions of an account, the last used first")
  .argument("<user>", "id, username or email")
  .option("--ended", "include sessions that have ended and are not deleted yet", false)
  .option("--json", "print JSON", false)
  .action(async (user, options) => (await import("./list-command.ts")).sessionsList(user, options));

sessionsCommand
  .command("revoke")
  .description("end one session of an account, or all of them")
  .argument("<user>", "id, username or email")
  .argument("[session]", "id of the session")
  .option("--all", "end all sessions of the account", false)
  .option("--json", "print JSON", false)
  .action(async (user, session, options) =>
    (await import("./revoke-command.ts")).sessionsRevoke(user, { session, ...options }),
  );
