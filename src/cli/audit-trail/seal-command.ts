import { beginNewOrigin, configuredSigners, sealLog } from "../../audit/index.ts";
import { withDatabase } from "../database.ts";
import { readConfig } from "../environment.ts";
import { withInterrupt } from "../interrupt.ts";

/** `aeturnis-data audit seal`: prints the checkpoint. */
export async function auditSeal({ newOrigin }: { readonly newOrigin: boolean }): Promise<void> {
  const config = readConfig();
  const signers = configuredSigners(config);
  const file = config.audit.checkpointFile;
  const checkpoint = await withInterrupt((signal) =>
    withDatabase(
      ({ db, repositories: { audit } }) => {
        const [signer] = signers;
        if (!newOrigin || signer === undefined) return sealLog(db, { signers, file, signal });
        return beginNewOrigin({ db, audit }, { signer, file, signal });
      },
      { signal },
    ),
  );
  if (checkpoint === undefined) console.error("The log has not grown since its last checkpoint.");
  else process.stdout.write(checkpoint);
}
