import { eq } from "drizzle-orm";
import type { Db, Executor } from "../database/index.ts";
import { ConflictError } from "../errors.ts";
import type { AuditLogRepository } from "../repositories/index.ts";
import { auditCheckpoints } from "../schema/index.ts";
import { parseSignedCheckpoint } from "./checkpoint.ts";
import { readLastNote } from "./checkpoint-file.ts";
import { asCheckpointWriter, sequenceAction } from "./checkpoint-lock.ts";
import { readLastCheckpoint, signCheckpoint } from "./checkpoints.ts";
import { keyActor } from "./key-rotation.ts";
import type { NoteSigner } from "./signed-note.ts";

/** The action of the row that names the last checkpoint of the old origin. */
const action = "audit.origin_changed";

/**
 * Lets the log go on under a new origin, for a database that was restored to an earlier moment: under the old one, two
 * histories would have been signed. The first row of the new one names the last checkpoint of the old one that is known, with
 * rows that the database may have lost.
 *
 * @param options.signer the key of the new origin
 * @param options.file a file of checkpoints that may have a later one of the old origin than the database
 * @param options.signal stops waiting, for example for a transaction that keeps the row from getting its index
 * @returns the first checkpoint of the new origin
 * @throws {ConflictError} if there is no log to go on, or the origin is not a new one
 * @throws {LogForkError} if the log does not contain the last checkpoint in the database
 */
export function beginNewOrigin(
  { db, audit }: { db: Db; audit: AuditLogRepository },
  { signer, file, signal }: { signer: NoteSigner; file?: string | undefined; signal?: AbortSignal },
): Promise<string | undefined> {
  const origin = signer.verifier.name;
  const begin = async (tx: Executor) => {
    const stored = await readLastCheckpoint(tx);
    if (stored === undefined) throw new ConflictError("The log has no checkpoint: the first one begins it.");
    const last = parseSignedCheckpoint(stored);
    const [used] = await tx.select().from(auditCheckpoints).where(eq(auditCheckpoints.origin, origin)).limit(1);
    if (used !== undefined)
      throw new ConflictError(
        `AUDIT_SIGNING_KEY is a key of ${origin}, which has checkpoints already. Make a key of a new origin: ` +
          "`aeturnis-data audit key new --origin <name>`.",
      );
    const kept = file === undefined ? undefined : await readLastNote(file, last.origin);
    const latest = kept !== undefined && parseSignedCheckpoint(kept).size > last.size ? kept : stored;
    // Committed before the transaction that signs.
    await audit.recordMany(keyActor, [
      { action, changes: { origin: [last.origin, origin], checkpoint: [latest, null] } },
    ]);
    await sequenceAction(db, action, signal);
    return signCheckpoint(tx, { keys: [signer], earlier: [last] });
  };
  return asCheckpointWriter(db, begin, signal);
}
