import { setTimeout as pause } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { type Db, type Executor, runAsLeader, systemActor } from "../database/index.ts";
import type { AuditLogRepository } from "../repositories/index.ts";
import { checkpointJob } from "./checkpoint-writer.ts";
import { readLastCheckpoint, signerFor, writeCheckpoint } from "./checkpoints.ts";
import { sequenceRows } from "./sequencer.ts";
import type { NoteSigner } from "./signed-note.ts";

/** The action of the row that names the old and the new key. */
export const rotationAction = "audit.key_rotated";

/** Whoever records it. No caller of a procedure has this name. */
export const rotationActor = systemActor("audit-keys");

/** Time between two tries (ms). */
const pollInterval = 100;

/**
 * Lets the newest key sign the log from now on. A row of the log names both keys, and both sign its checkpoint, so that whoever
 * knows the old one learns of the new one.
 *
 * @param options.signers keys of one origin, newest first
 * @param options.signal stops waiting, for example for a transaction that keeps the row from getting its index
 * @returns the signed checkpoint; undefined if the newest key signs already
 * @throws {LogForkError} if none of the keys has signed the last checkpoint
 */
export async function rotateSigningKey(
  { db, audit }: { db: Db; audit: AuditLogRepository },
  { signers, signal }: { signers: readonly NoteSigner[]; signal?: AbortSignal },
): Promise<string | undefined> {
  const rotate = async (tx: Executor) => {
    const signer = signerFor(await readLastCheckpoint(tx), signers);
    const [newest = signer] = signers;
    if (signer === newest) return undefined;
    // Committed before the transaction that signs.
    await audit.recordMany(rotationActor, [
      { action: rotationAction, changes: { key: [signer.verifier.text, newest.verifier.text] } },
    ]);
    while (await isRotationWaiting(tx)) {
      await sequenceRows(db);
      await pause(pollInterval, undefined, { signal });
    }
    return writeCheckpoint(tx, { signers, cosigners: [newest] });
  };

  for (;;) {
    let checkpoint: string | undefined;
    const isLeader = await runAsLeader(db, checkpointJob, async (tx) => {
      checkpoint = await rotate(tx);
    });
    if (isLeader) return checkpoint;
    await pause(pollInterval, undefined, { signal });
  }
}

/** Whether a row of a rotation has no index yet. */
export async function isRotationWaiting(db: Executor): Promise<boolean> {
  const [row] = await db.execute(sql`
    select exists (
      select from public.audit_log as entry where action = ${rotationAction}
        and not exists (select from public.audit_leaves as leaf where (leaf.id, leaf.created_at) = (entry.id, entry.created_at))
    ) as waiting`);
  return row?.["waiting"] === true;
}
