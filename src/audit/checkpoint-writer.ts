import { codeOf, type Db, isTransactionConflict, isUnavailable, runAsLeader, sqlstate } from "../database/index.ts";
import { repeat } from "../interval.ts";
import type { Log } from "../observability/index.ts";
import { parseSignedCheckpoint } from "./checkpoint.ts";
import { appendNotes, readLastNote } from "./checkpoint-file.ts";
import { checkpointJob } from "./checkpoint-lock.ts";
import { readCheckpointsAfter, readLastCheckpoint, writeCheckpoint } from "./checkpoints.ts";
import { sequenceRows } from "./sequencer.ts";
import type { NoteSigner } from "./signed-note.ts";

/** Time from one checkpoint to the next while the log grows (ms). */
const interval = 10_000;

const sizeOf = (note: string): number => parseSignedCheckpoint(note).size;

/**
 * Signs a checkpoint of the log of the audit trail every ten seconds if it has grown, and one at the stop. All are stored,
 * logged and appended to a file, if there is one. Any number of services may do so; one at a time signs.
 *
 * A process remembers the last checkpoint, and so does the file. If the log does not contain it, as after a failover to a
 * standby that lacks the last second, nothing more is signed: no two histories have one origin.
 *
 * @param options.signers keys of one origin, newest first
 * @param options.file where checkpoints are appended
 * @throws the error of the file system, if the file cannot be read
 */
export async function startCheckpointWriter(options: {
  db: Db;
  log: Log;
  signers: readonly NoteSigner[];
  file?: string | undefined;
}): Promise<{ stop: () => Promise<void> }> {
  const { db, log, signers, file } = options;
  const origin = signers[0]?.verifier.name ?? "";
  const stopping = new AbortController();
  let known = file === undefined ? undefined : await readLastNote(file, origin);
  let inFile = known === undefined ? 0 : sizeOf(known);
  let isFailing = false;
  let running: Promise<void> = Promise.resolve();

  const write = async () => {
    const earlier = known === undefined ? [] : [known];
    let signed: string | undefined;
    await runAsLeader(db, checkpointJob, async (tx) => {
      signed = await writeCheckpoint(tx, { signers, known: earlier });
    });
    if (signed !== undefined) log.info({ checkpoint: signed }, "checkpoint of the audit trail");
    // Another process may have signed.
    const last = await readLastCheckpoint(db);
    if (last !== undefined && sizeOf(last) > (known === undefined ? 0 : sizeOf(known))) known = last;
    if (file === undefined || known === undefined || inFile >= sizeOf(known)) return;
    await appendNotes(file, await readCheckpointsAfter(db, origin, inFile));
    inFile = sizeOf(known);
  };
  const tryToWrite = async () => {
    try {
      await write();
      isFailing = false;
    } catch (err) {
      // Others report an unavailable database and pending migrations.
      const isKnown = isUnavailable(err) || isTransactionConflict(err) || codeOf(err) === sqlstate.undefinedTable;
      if (!isKnown && !isFailing) log.error({ err }, "no checkpoint of the audit trail could be written");
      isFailing ||= !isKnown;
    }
  };
  const run = () => {
    running = running.then(tryToWrite);
    return running;
  };

  void run();
  repeat(run, { ms: interval, signal: stopping.signal });
  return {
    async stop() {
      stopping.abort();
      // The rows of the last requests.
      await sequenceRows(db).catch(() => {});
      await run();
    },
  };
}
