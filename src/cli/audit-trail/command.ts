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

auditCommand
  .command("list")
  .description("print rows of the audit trail, the newest first")
  .option("--user <user>", "only rows about an account: id, username or email")
  .option("--where <json>", "only rows that a filter of audit.list selects")
  .option("--limit <rows>", "how many rows at most", "50")
  .option("--json", "print JSON", false)
  .exitOverride()
  .action(async (options) => (await import("./list-command.ts")).auditList(options));

auditCommand
  .command("verify")
  .description(
    "verify that the rows of the audit trail, and their order, are those that were signed. Exit code: 0 if it is intact, " +
      "1 if not, 2 if that cannot be told",
  )
  .option("--from <position>", "only rows from an index, or from a time such as 2026-11-28T08:00:00Z")
  .option("--to <position>", "only rows before an index, or before a time")
  .option("--against <file...>", "files of checkpoints that were kept elsewhere, such as AUDIT_CHECKPOINT_FILE")
  .option("--key <public-key...>", "the public keys of the log (default: those of AUDIT_SIGNING_KEY)")
  .option("--json", "print JSON", false)
  .exitOverride()
  .action(async (options) => (await import("./verify-command.ts")).auditVerify(options));

auditCommand
  .command("prove")
  .description(
    "print a proof that a row, named by its id or its index, is in the log of the audit trail, or that the log only grew " +
      "from one size to another",
  )
  .argument("[row]")
  .option("--consistency <size...>", "the two sizes; of the second one there is a checkpoint")
  .exitOverride()
  .action(async (row, options) => (await import("./prove-command.ts")).auditProve(row, options));

auditCommand
  .command("tail")
  .description(
    "print rows of the audit trail as they are written, each once, in the order of its log, until it is stopped",
  )
  .option("--from <position>", "begin at an index, or at a time such as 2026-11-28T08:00:00Z (default: now)")
  .option("--where <json>", "only rows that a filter of audit.list selects")
  .option("--json", "print each row as a line of JSON", false)
  .option("--state <file>", "keep the place in a file, and go on there at the next start")
  .exitOverride()
  .action(async (options) => (await import("./tail-command.ts")).auditTail(options));

auditCommand
  .command("seal")
  .description("sign a checkpoint of the log of the audit trail now, and print it")
  .option(
    "--new-origin",
    "after a restore of an earlier moment: go on under the origin of AUDIT_SIGNING_KEY, and name the last checkpoint of the old " +
      "one in a row of the log",
    false,
  )
  .exitOverride()
  .action(async (options) => (await import("./seal-command.ts")).auditSeal(options));

const keyCommand = auditCommand
  .command("key")
  .description("make, list and rotate the keys that sign the log of the audit trail")
  .exitOverride();

keyCommand
  .command("new")
  .description("print a new key for AUDIT_SIGNING_KEY, and its public key to standard error")
  .option("--origin <name>", "the name of the log, such as game.example/accounts (default: AUDIT_ORIGIN)")
  .exitOverride()
  .action(async (options) => (await import("./key-commands.ts")).auditKeyNew(options));

keyCommand
  .command("list")
  .description("print the public keys of AUDIT_SIGNING_KEY, and which one signs")
  .option("--json", "print JSON", false)
  .exitOverride()
  .action(async (options) => (await import("./key-commands.ts")).auditKeyList(options));

keyCommand
  .command("rotate")
  .description(
    "let the first key of AUDIT_SIGNING_KEY sign from now on, beside running services: a row of the log names the old and " +
      "the new key, and both sign its checkpoint",
  )
  .exitOverride()
  .action(async () => (await import("./key-commands.ts")).auditKeyRotate());
