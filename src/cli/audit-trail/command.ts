import { Command } from "commander";

/** `aeturnis-data audit …`: parses the options, and calls one module per command. */
export const auditCommand = new Command("audit").description("examine the audit trail").exitOverride();

auditCommand
  .command("status")
  .description(
    "print how far the audit trail's partitions reach, their sizes, and problems. Exit code: 1 if there is a problem",
  )
  .option("--json", "print JSON", false)
  .exitOverride()
  .action(async (options) => (await import("./status-command.ts")).auditStatus(options));
