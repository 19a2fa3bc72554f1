import { setTimeout as pause } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Db, Executor } from "../database/index.ts";
import { readKnownNotes, withCheckpointFile } from "./checkpoint-file.ts";
import { asCheckpointWriter } from "./checkpoint-lock.ts";
import { readLastCheckpoint, writeCheckpoint } from "./checkpoints.ts";
import { sequenceRows } from "./sequencer.ts";
import type { NoteSigner } from "./signed-note.ts";

/** Time between two tries (ms). */
const pollInterval = 50;

export interface LogSeal {
  /** The last checkpoint of the log, as a signed note; undefined for a log without rows. */
  readonly checkpoint: string | undefined;
  /** Whether it was signed now. Otherwise the log has not grown since. */
  readonly isNew: boolean;
}

/**
 * Gives the rows that are committed their index, and signs a checkpoint of them at once, for example before a backup. Rows that
 * others commit meanwhile may be in it.
 *
 * @param options.signers keys of one origin, newest first
 * @param options.file a file of checkpoints, whose last one the log must contain, and to which new ones are appended
 * @param options.signal stops waiting, for example for a transaction that keeps rows from getting their index
 * @throws {LogForkError} if the log does not contain an earlier checkpoint
 * @throws {CheckpointFileError} if the file cannot be read or written
 */
export async function sealLog(
  db: Db,
  { signers, file, signal }: { signers: readonly NoteSigner[]; file?: string | undefined; signal?: AbortSignal },
): Promise<LogSeal> {
  const origin = signers[0]?.verifier.name ?? "";
  const seal = async (tx: Executor): Promise<LogSeal> => {
    const known = await readKnownNotes(file, origin);
    const signed = await writeCheckpoint(tx, { signers, known });
    return { checkpoint: signed ?? (await readLastCheckpoint(tx)) ?? known[0], isNew: signed !== undefined };
  };
  return withCheckpointFile(db, { file, origin }, async () => {
    // Before the lock of checkpoints is taken, so that services sign meanwhile.
    await sequencePresentRows(db, signal);
    return asCheckpointWriter(db, seal, signal);
  });
}

/** The place of a row in the order of transactions: numbers, as texts. */
interface OrderPlace {
  readonly xid: string;
  readonly sequence: string;
}

/** Waits until each row that is committed now has its index, and for no later one. */
async function sequencePresentRows(db: Db, signal: AbortSignal | undefined): Promise<void> {
  const last = await readLastPlace(db);
  while (await isWaitingUpTo(db, last)) {
    const rows = await sequenceRows(db);
    // None while another process is at it, or a transaction that began to write earlier is open.
    await pause(rows ? 0 : pollInterval, undefined, { signal });
  }
}

/** The last committed row of this cluster; undefined without one. */
async function readLastPlace(db: Executor): Promise<OrderPlace | undefined> {
  const [row] = await db.execute(sql`
    select concat(xid) as xid, concat(sequence) as sequence from public.audit_log
    where xid is not null and xid < pg_snapshot_xmax(pg_current_snapshot())
    order by audit_log.xid desc, audit_log.sequence desc limit 1`);
  return row as OrderPlace | undefined;
}

/** Whether a row up to a place waits for its index, or the sequencer has rows of before it, or of another cluster, to take in. */
async function isWaitingUpTo(db: Executor, place: OrderPlace | undefined): Promise<boolean> {
  const { xid, sequence } = place ?? { xid: "0", sequence: "0" };
  const [row] = await db.execute(sql`
    select state.id is null and exists (select from public.audit_log)
      or state.intake_created_at is not null
      or state.system_identifier <> cluster.system_identifier
      or exists (
        select from public.audit_log as entry
        where (entry.xid, entry.sequence) > (state.xid, state.sequence)
          and (entry.xid, entry.sequence) <= (${xid}::xid8, ${sequence}::bigint)
      ) as waiting
    from pg_control_system() as cluster left join public.audit_sequencer as state on true`);
  return row?.["waiting"] === true;
}
