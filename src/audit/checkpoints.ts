import { and, desc, eq, gt } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { OperatorError } from "../errors.ts";
import { auditCheckpoints, auditSequencer } from "../schema/index.ts";
import { type Checkpoint, checkpointText, parseSignedCheckpoint } from "./checkpoint.ts";
import { completeSubtrees } from "./merkle.ts";
import { keyNamesOf, type NoteSigner, signNote, verifiersOf } from "./signed-note.ts";
import { readRoots, storeNodes } from "./tree.ts";

/** Why no checkpoint is signed: it would be a second history under the origin of the first. */
export class LogForkError extends OperatorError {
  override readonly name = "LogForkError";
}

/** What to do about a log that lacks a checkpoint. */
const forkRemedy =
  "Nothing is signed. `aeturnis-data audit verify --against <AUDIT_CHECKPOINT_FILE>` tells up to which checkpoint it is the same log. " +
  "To accept that rows are lost, make a key of a new origin and run `aeturnis-data audit seal --new-origin`.";

/** The newest checkpoint of the log, as a signed note; undefined before the first. */
export async function readLastCheckpoint(db: Executor): Promise<string | undefined> {
  const [row] = await db
    .select({ note: auditCheckpoints.note })
    .from(auditCheckpoints)
    .orderBy(desc(auditCheckpoints.createdAt), desc(auditCheckpoints.size))
    .limit(1);
  return row?.note;
}

/** The checkpoints of more than `size` leaves, oldest first, as signed notes. */
export async function readCheckpointsAfter(db: Executor, origin: string, size: number): Promise<string[]> {
  const rows = await db
    .select({ note: auditCheckpoints.note })
    .from(auditCheckpoints)
    .where(and(eq(auditCheckpoints.origin, origin), gt(auditCheckpoints.size, size)))
    .orderBy(auditCheckpoints.size);
  return rows.map(({ note }) => note);
}

/**
 * The key with which the next checkpoint is signed: that of the first signature of the last one, or the newest before the
 * first checkpoint. So a new key signs nothing before its rotation, and the old one nothing after it.
 *
 * @throws {LogForkError} if the last checkpoint has another origin, or another key has signed it
 */
export function signerFor(last: string | undefined, signers: readonly NoteSigner[]): NoteSigner {
  const [newest] = signers;
  if (newest === undefined) throw new RangeError("There is no key to sign with.");
  if (last === undefined) return newest;
  const { origin, note } = parseSignedCheckpoint(last);
  if (origin !== newest.verifier.name)
    throw new LogForkError(
      `The log of the audit trail has the origin ${origin}, and AUDIT_SIGNING_KEY is a key of ${newest.verifier.name}. ` +
        "Set the key of that origin, or go on under this one, after a restore: `aeturnis-data audit seal --new-origin`.",
    );
  const valid = new Set(
    verifiersOf(
      note,
      signers.map(({ verifier }) => verifier),
    ),
  );
  const signer = signers.find(({ verifier }) => valid.has(verifier) && verifier.id === note.signatures[0]?.id);
  if (signer === undefined)
    throw new LogForkError(
      `The last checkpoint of the audit trail was signed by the key ${keyNamesOf(note)[0]}, which AUDIT_SIGNING_KEY lacks. ` +
        "If AUDIT_SIGNING_KEY has a key from before a rotation, set that key in its place. If it has a new one, add that key " +
        "after it, separated by a comma, and run `aeturnis-data audit key rotate`.",
    );
  return signer;
}

/** @throws {LogForkError} if the keys may not sign the log: it has another origin, or none of them signed it last */
export async function requireSigner(db: Executor, signers: readonly NoteSigner[]): Promise<void> {
  signerFor(await readLastCheckpoint(db), signers);
}

/**
 * Signs and stores a checkpoint of the log if it has grown.
 *
 * @param tx a transaction that holds the lock of checkpoints
 * @param options.signers keys of one origin, newest first
 * @param options.known further checkpoints that the log must contain, as signed notes
 * @param options.cosigners further keys that sign it, first the one that signs from now on
 * @returns the signed note; undefined if the log has not grown
 * @throws {LogForkError} if the log does not contain an earlier checkpoint
 */
export async function writeCheckpoint(
  tx: Executor,
  {
    signers,
    known = [],
    cosigners = [],
  }: { signers: readonly NoteSigner[]; known?: readonly string[]; cosigners?: readonly NoteSigner[] },
): Promise<string | undefined> {
  const last = await readLastCheckpoint(tx);
  const signer = signerFor(last, signers);
  const earlier = [...new Set([...(last === undefined ? [] : [last]), ...known])].map(parseSignedCheckpoint);
  return signCheckpoint(tx, { keys: [...cosigners, signer], earlier });
}

/**
 * Signs and stores a checkpoint of the log if it has grown.
 *
 * @param options.keys keys of one origin
 * @param options.earlier what the log must contain
 * @returns the signed note; undefined if the log has not grown
 * @throws {LogForkError} if the log does not contain an earlier checkpoint
 */
export async function signCheckpoint(
  tx: Executor,
  { keys, earlier }: { keys: readonly NoteSigner[]; earlier: readonly Checkpoint[] },
): Promise<string | undefined> {
  const origin = keys[0]?.verifier.name ?? "";
  const [state] = await tx.select({ size: auditSequencer.size }).from(auditSequencer);
  const size = state?.size ?? 0;
  const isGrown = earlier.every((checkpoint) => checkpoint.size < size);
  const longest = Math.max(0, ...earlier.map((checkpoint) => checkpoint.size));
  if (longest > size)
    throw new LogForkError(
      `The log of the audit trail has ${size} rows, and a checkpoint of it has ${longest}: the database was restored to an ` +
        `earlier moment, or has lost its last transactions. ${forkRemedy}`,
    );
  if (size === 0) return undefined;

  // Also of a log that has not grown: a problem is to be seen as long as it lasts.
  await storeNodes(tx, size);
  const roots = await readRoots(
    tx,
    [size, ...earlier.map((checkpoint) => checkpoint.size)].map((end) => completeSubtrees(0, end)),
  );
  const [root = new Uint8Array(), ...earlierRoots] = roots;
  for (const [at, checkpoint] of earlier.entries()) requireRoot(checkpoint, earlierRoots[at] ?? new Uint8Array());
  if (!isGrown) return undefined;
  const note = signNote(checkpointText({ origin, size, root }), keys);
  await tx.insert(auditCheckpoints).values({ origin, size, note });
  return note;
}

/** @throws {LogForkError} */
function requireRoot({ size, root }: Checkpoint, found: Uint8Array): void {
  if (Buffer.compare(root, found) === 0) return;
  throw new LogForkError(
    `The first ${size} rows of the log of the audit trail are others than those of its checkpoint: rows were changed, or the ` +
      `database is another one. ${forkRemedy}`,
  );
}
