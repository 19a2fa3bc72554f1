import { type Db, type Executor, systemActor } from "../database/index.ts";
import type { AuditLogRepository } from "../repositories/index.ts";
import { readKnownNotes, withCheckpointFile } from "./checkpoint-file.ts";
import { asCheckpointWriter, sequenceAction } from "./checkpoint-lock.ts";
import { readLastCheckpoint, signerFor, writeCheckpoint } from "./checkpoints.ts";
import type { NoteSigner } from "./signed-note.ts";

/** The action of the row that names the old and the new key. */
export const rotationAction = "audit.key_rotated";

/** Whoever records what happens to the keys of the log. No caller of a procedure has this name. */
export const keyActor = systemActor("audit-keys");

/**
 * Lets the newest key sign the log from now on. A row of the log names both keys, and both sign its checkpoint, so that whoever
 * knows the old one learns of the new one.
 *
 * @param options.signers keys of one origin, newest first
 * @param options.file a file of checkpoints, whose last one the log must contain, and to which new ones are appended
 * @param options.signal stops waiting, for example for a transaction that keeps the row from getting its index
 * @returns the signed checkpoint; undefined if the newest key signs already
 * @throws {LogForkError} if none of the keys has signed the last checkpoint, or the log does not contain an earlier one
 * @throws {CheckpointFileError} if the file cannot be read or written
 */
export async function rotateSigningKey(
  { db, audit }: { db: Db; audit: AuditLogRepository },
  { signers, file, signal }: { signers: readonly NoteSigner[]; file?: string | undefined; signal?: AbortSignal },
): Promise<string | undefined> {
  const origin = signers[0]?.verifier.name ?? "";
  const sealFirst = async (tx: Executor) => {
    await writeCheckpoint(tx, { signers, known: await readKnownNotes(file, origin) });
  };
  const rotate = async (tx: Executor) => {
    const signer = signerFor(await readLastCheckpoint(tx), signers);
    const [newest = signer] = signers;
    if (signer === newest) return undefined;
    // Committed before the transaction that signs.
    await audit.recordMany(keyActor, [
      { action: rotationAction, changes: { key: [signer.verifier.text, newest.verifier.text] } },
    ]);
    await sequenceAction(db, rotationAction, signal);
    return writeCheckpoint(tx, { signers, known: await readKnownNotes(file, origin), cosigners: [newest] });
  };

  return withCheckpointFile(db, { file, origin }, async () => {
    // A log that lacks a checkpoint gets no row of a rotation. In a transaction of its own: one that has written keeps rows from
    // getting their index.
    await asCheckpointWriter(db, sealFirst, signal);
    return asCheckpointWriter(db, rotate, signal);
  });
}
