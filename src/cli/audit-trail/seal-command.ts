import { beginNewOrigin, configuredSigners, sealLog } from "../../audit/index.ts";
import { withDatabase } from "../database.ts";
import { readAuditConfig } from "../environment.ts";
import { withInterrupt } from "../interrupt.ts";

/** `aeturnis-data audit seal`: prints the last checkpoint. Exit code: 1 if the log has no rows yet. */
export async function auditSeal({ newOrigin }: { readonly newOrigin: boolean }): Promise<void> {
  const config = readAuditConfig();
  const signers = configuredSigners(config);
  const file = config.audit.checkpointFile;
  if (newOrigin && file === undefined)
    console.error(
      "Warning: AUDIT_CHECKPOINT_FILE is not set. Without it nobody can tell whether the new origin was used before the restore, " +
        "and the log names the last checkpoint of this database in place of a lost one.",
    );
  const { checkpoint, isNew } = await withInterrupt((signal) =>
    withDatabase(
      async ({ db, repositories: { audit } }) => {
        const [signer] = signers;
        if (!newOrigin || signer === undefined) return sealLog(db, { signers, file, signal });
        return { checkpoint: await beginNewOrigin({ db, audit }, { signer, file, signal }), isNew: true };
      },
      { signal },
    ),
  );
  if (checkpoint === undefined) {
    console.error("The log has no rows yet: there is nothing to sign.");
    process.exitCode ??= 1;
    return;
  }
  if (!isNew) console.error("The log has not grown since its last checkpoint, which is printed.");
  process.stdout.write(checkpoint);
}
