import { codeOf, type Db, isTransactionConflict, isUnavailable, runAsLeader, sqlstate } from "../database/index.ts";
import { OperatorError } from "../errors.ts";
import { repeat } from "../interval.ts";
import type { Log } from "../observability/index.ts";
import { parseSignedCheckpoint } from "./checkpoint.ts";
import { CheckpointFileError, completeCheckpointFile, readLastNote, requireAppendable } from "./checkpoint-file.ts";
import { checkpointJob } from "./checkpoint-lock.ts";
import { readLastCheckpoint, writeCheckpoint } from "./checkpoints.ts";
import { sequenceRows } from "./sequencer.ts";
import type { NoteSigner } from "./signed-note.ts";

/** Time from one checkpoint to the next while the log grows (ms). */
const defaultInterval = 10_000;

/** Time after which a problem that lasts is logged again (ms). */
const defaultReminderInterval = 3_600_000;

const sizeOf = (note: string): number => parseSignedCheckpoint(note).size;

/** Signs checkpoints until it is stopped. */
export interface CheckpointWriter {
  /** Why no checkpoint is signed, or why the file lacks some, since when, and the remedy. Undefined while all is well. */
  problem(): string | undefined;
  stop(): Promise<void>;
}

/**
 * Signs a checkpoint of the log of the audit trail every ten seconds if it has grown, and one at the stop. All are stored,
 * logged and appended to a file, if there is one. Any number of services may do so; one at a time signs.
 *
 * A process remembers the last checkpoint, and so does the file. If the log does not contain it, as after a failover to a
 * standby that lacks the last second, nothing more is signed: no two histories have one origin.
 *
 * @param options.signers keys of one origin, newest first
 * @param options.file where checkpoints are appended
 * @param options.interval time from one checkpoint to the next (ms)
 * @param options.reminderInterval time after which a problem that lasts is logged again (ms)
 * @throws {CheckpointFileError} if the file cannot be read and written
 */
export async function startCheckpointWriter(options: {
  db: Db;
  log: Log;
  signers: readonly NoteSigner[];
  file?: string | undefined;
  interval?: number;
  reminderInterval?: number;
}): Promise<CheckpointWriter> {
  const { db, log, signers, file, interval = defaultInterval, reminderInterval = defaultReminderInterval } = options;
  const origin = signers[0]?.verifier.name ?? "";
  const stopping = new AbortController();
  if (file !== undefined) await requireAppendable(file);
  let known = file === undefined ? undefined : await readLastNote(file, origin);
  /** The last checkpoint up to which the file is complete. */
  let filed: string | undefined;
  const problem = new StandingProblem(log, reminderInterval);
  let running: Promise<void> = Promise.resolve();

  const write = async () => {
    const earlier = known === undefined ? [] : [known];
    let signed: string | undefined;
    const isLeader = await runAsLeader(db, checkpointJob, async (tx) => {
      signed = await writeCheckpoint(tx, { signers, known: earlier });
    });
    if (signed !== undefined) log.info({ checkpoint: signed }, "checkpoint of the audit trail");
    // Another process may have signed.
    const last = await readLastCheckpoint(db);
    if (last !== undefined && sizeOf(last) > (known === undefined ? 0 : sizeOf(known))) known = last;
    if (file !== undefined && known !== undefined && known !== filed) {
      await completeCheckpointFile(db, file, origin);
      filed = known;
    }
    // Of a log that another process has looked at it knows nothing.
    if (isLeader) problem.end();
  };
  const tryToWrite = async () => {
    try {
      await write();
    } catch (error) {
      // Others report an unavailable database and pending migrations.
      const isReported =
        isUnavailable(error) || isTransactionConflict(error) || codeOf(error) === sqlstate.undefinedTable;
      if (!isReported) problem.report(error);
    }
  };
  const run = () => {
    running = running.then(tryToWrite);
    return running;
  };

  void run();
  repeat(run, { ms: interval, signal: stopping.signal });
  return {
    problem: () => problem.text,
    async stop() {
      stopping.abort();
      // The rows of the last requests.
      await sequenceRows(db).catch(() => {});
      await run();
    },
  };
}

/** What keeps checkpoints from being signed or filed. It is logged when it begins, and again while it lasts. */
class StandingProblem {
  readonly #log: Log;
  readonly #reminderInterval: number;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #message: string | undefined;
  #text: string | undefined;

  constructor(log: Log, reminderInterval: number) {
    this.#log = log;
    this.#reminderInterval = reminderInterval;
  }

  get text(): string | undefined {
    return this.#text;
  }

  report(error: unknown): void {
    const message = error instanceof OperatorError ? error.message : "The log of the service says why.";
    const isNew = message !== this.#message;
    if (isNew) this.#begin(message, error instanceof CheckpointFileError);
    if (!isNew && performance.now() - this.#loggedAt < this.#reminderInterval) return;
    this.#loggedAt = performance.now();
    // What the operator can correct needs no stack.
    const details = error instanceof OperatorError ? {} : { err: error };
    this.#log.error({ problem: this.#text, ...details }, "checkpoints of the audit trail have a problem");
  }

  end(): void {
    this.#message = undefined;
    this.#text = undefined;
  }

  #begin(message: string, isOfFile: boolean): void {
    this.#message = message;
    const since = `${new Date().toISOString().slice(0, 19)}Z`;
    this.#text = isOfFile
      ? `checkpoints since ${since} are in the database, and AUDIT_CHECKPOINT_FILE gets them later: ${message}`
      : `no checkpoint of the audit trail is signed since ${since}: ${message}`;
  }
}
