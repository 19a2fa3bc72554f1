import { setTimeout as pause } from "node:timers/promises";
import type { Db, Executor } from "../database/index.ts";
import { completeCheckpointFile, readLastNote, requireAppendable } from "./checkpoint-file.ts";
import { asCheckpointWriter } from "./checkpoint-lock.ts";
import { writeCheckpoint } from "./checkpoints.ts";
import { sequenceRows } from "./sequencer.ts";
import type { NoteSigner } from "./signed-note.ts";

/** Time between two tries (ms). */
const pollInterval = 50;

/**
 * Gives the rows that wait their index, and signs a checkpoint of them at once, for example before a backup.
 *
 * @param options.signers keys of one origin, newest first
 * @param options.file a file of checkpoints, whose last one the log must contain, and to which new ones are appended
 * @returns the signed checkpoint; undefined if the log has not grown
 * @throws {LogForkError} if the log does not contain an earlier checkpoint
 * @throws {CheckpointFileError} if the file cannot be read or written
 */
export async function sealLog(
  db: Db,
  { signers, file, signal }: { signers: readonly NoteSigner[]; file?: string | undefined; signal?: AbortSignal },
): Promise<string | undefined> {
  const origin = signers[0]?.verifier.name ?? "";
  const seal = async (tx: Executor) => {
    // Once more after a call that has found none: the first ones look only at rows of before the sequencer.
    for (let idle = 0; idle < 2; ) {
      const rows = await sequenceRows(db);
      idle = rows === 0 ? idle + 1 : 0;
      // Null while another process is at it.
      await pause(rows === null ? pollInterval : 0, undefined, { signal });
    }
    const kept = file === undefined ? undefined : await readLastNote(file, origin);
    return writeCheckpoint(tx, { signers, known: kept === undefined ? [] : [kept] });
  };
  if (file !== undefined) await requireAppendable(file);
  const checkpoint = await asCheckpointWriter(db, seal, signal);
  if (file !== undefined) await completeCheckpointFile(db, file, origin);
  return checkpoint;
}
