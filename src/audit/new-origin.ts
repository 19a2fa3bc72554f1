import { eq } from "drizzle-orm";
import type { Db, Executor } from "../database/index.ts";
import { ConflictError } from "../errors.ts";
import type { AuditLogRepository } from "../repositories/index.ts";
import { auditCheckpoints } from "../schema/index.ts";
import { parseSignedCheckpoint } from "./checkpoint.ts";
import { noteOrigin, readFileNotes, withCheckpointFile } from "./checkpoint-file.ts";
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
 * @param options.file a file of checkpoints that may have a later one of the old origin than the database. The first one of the
 *   new origin is appended to it.
 * @param options.signal stops waiting, for example for a transaction that keeps the row from getting its index
 * @returns the first checkpoint of the new origin
 * @throws {ConflictError} if there is no log to go on, or the origin is not a new one
 * @throws {LogForkError} if the log does not contain the last checkpoint in the database
 * @throws {CheckpointFileError} if the file cannot be read or written
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
    const kept = await readKept(file, [last.origin, origin]);
    if (used !== undefined || kept.has(origin))
      throw new ConflictError(
        `AUDIT_SIGNING_KEY is a key of ${origin}, which has checkpoints already${used === undefined ? `, in ${file}` : ""}. ` +
          "Make a key of a new origin: `aeturnis-data audit key new --origin <name>`.",
      );
    const keptLast = kept.get(last.origin);
    const latest = keptLast !== undefined && parseSignedCheckpoint(keptLast).size > last.size ? keptLast : stored;
    // Committed before the transaction that signs.
    await audit.recordMany(keyActor, [
      { action, changes: { origin: [last.origin, origin], checkpoint: [latest, null] } },
    ]);
    await sequenceAction(db, action, signal);
    return signCheckpoint(tx, { keys: [signer], earlier: [last] });
  };
  return withCheckpointFile(db, { file, origin }, () => asCheckpointWriter(db, begin, signal));
}

/** The last checkpoints of some origins in the whole file: a database of before an origin knows nothing of it. */
async function readKept(file: string | undefined, origins: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const kept = new Map<string, string>();
  if (file === undefined) return kept;
  for await (const note of readFileNotes(file)) {
    const origin = noteOrigin(note);
    if (origin !== undefined && origins.includes(origin)) kept.set(origin, note);
  }
  return kept;
}
