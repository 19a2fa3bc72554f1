import { sql } from "drizzle-orm";
import type { Executor } from "../../database/index.ts";
import { type Checkpoint, parseSignedCheckpoint, type SignedCheckpoint } from "../checkpoint.ts";
import { completeSubtrees, type Hash } from "../merkle.ts";
import { type NoteVerifier, SignedNoteError, verifiersOf } from "../signed-note.ts";
import { MissingLeafError, readRoots } from "../tree.ts";
import type { LogRange } from "./entries.ts";
import type { Findings } from "./findings.ts";

/** Checkpoints of one statement, which reads some hundred hashes for each. */
const chunkSize = 100;

/** After all others: a size, and a text in the order of its bytes. */
const maxBigint = "9223372036854775807";
const lastOrigin = "\u{10ffff}";

/** The keys whose signatures are accepted. */
export interface LogKeys {
  /** Of whoever verifies. One of them must have signed the last checkpoint. */
  readonly given: readonly NoteVerifier[];
  /** Keys that rows of the log name as those which signed before, or afterwards. */
  readonly named: readonly NoteVerifier[];
}

/** Verifies the stored checkpoints of the log that end in a range, and the next one. */
export async function verifyStoredCheckpoints(
  tx: Executor,
  options: {
    keys: LogKeys;
    range: LogRange;
    size: number;
    /** Whether a given key has signed the last checkpoint. If none has, all keys may be those of another log. */
    areKeysKnown: boolean;
    findings: Findings;
    signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const { keys, range, size, areKeysKnown, findings, signal } = options;
  for await (const rows of readStored(tx, range, size)) {
    signal?.throwIfAborted();
    const checkpoints = rows.flatMap((row) => parseStored(row, { keys, areKeysKnown, findings }) ?? []);
    await verifyRoots(tx, { checkpoints, size, findings });
  }
}

/** Compares checkpoints with the log, in chunks. */
export async function verifyRoots(
  tx: Executor,
  { checkpoints, size, findings }: { checkpoints: readonly Checkpoint[]; size: number; findings: Findings },
): Promise<void> {
  for await (const { checkpoint, ...difference } of findDifferences(tx, checkpoints, size))
    if (difference.kind !== undefined) findings.addOfCheckpoint(difference.kind, `${difference.detail}.`, checkpoint);
}

/**
 * Compares checkpoints that were kept elsewhere with the log. A finding names the rows that an earlier one of the same origin
 * shows to be the same: up to there the log is the one that was signed. A stored checkpoint shows nothing of the kind, because
 * it may have been signed after a restore.
 */
export async function verifyKeptRoots(
  tx: Executor,
  { checkpoints, size, findings }: { checkpoints: readonly Checkpoint[]; size: number; findings: Findings },
): Promise<void> {
  const same: Checkpoint[] = [];
  const others: Difference[] = [];
  for await (const { checkpoint, ...difference } of findDifferences(tx, checkpoints, size))
    if (difference.kind === undefined) same.push(checkpoint);
    else others.push({ checkpoint, ...difference });
  for (const { checkpoint, kind, detail } of others) {
    const sizes = same.flatMap((each) =>
      each.origin === checkpoint.origin && each.size < checkpoint.size ? each.size : [],
    );
    const rows = sizes.reduce((longest, each) => Math.max(longest, each), 0);
    findings.addOfCheckpoint(
      kind,
      rows === 0 ? `${detail}.` : `${detail}; the first ${rows} are the same.`,
      checkpoint,
    );
  }
}

interface Difference {
  readonly checkpoint: Checkpoint;
  readonly kind: "rolled_back" | "forked";
  /** A sentence without its full stop. */
  readonly detail: string;
}

/** How each checkpoint differs from the log. Without a kind it does not. */
async function* findDifferences(
  tx: Executor,
  checkpoints: readonly Checkpoint[],
  size: number,
): AsyncGenerator<Difference | { readonly checkpoint: Checkpoint; readonly kind?: undefined }> {
  for (let at = 0; at < checkpoints.length; at += chunkSize) {
    const chunk = checkpoints.slice(at, at + chunkSize);
    for (const checkpoint of chunk)
      if (checkpoint.size > size)
        yield {
          checkpoint,
          kind: "rolled_back",
          detail: `The log has ${size} rows, and a checkpoint of ${checkpoint.origin} was signed for ${checkpoint.size}`,
        };
    const present = chunk.filter((checkpoint) => checkpoint.size <= size);
    const roots = await readEachRoot(tx, present);
    for (const [number, checkpoint] of present.entries()) {
      const { origin, size: signed, root } = checkpoint;
      const found = roots[number];
      const isSame = found !== undefined && Buffer.compare(found, root) === 0;
      const detail =
        found === undefined
          ? `The checkpoint of ${origin} for ${signed} rows needs hashes that the log lacks`
          : `The first ${signed} rows are others than those of the checkpoint of ${origin}`;
      yield isSame ? { checkpoint } : { checkpoint, kind: "forked", detail };
    }
  }
}

/** The roots of the log at some sizes. Undefined where hashes are missing. */
async function readEachRoot(tx: Executor, checkpoints: readonly Checkpoint[]): Promise<(Hash | undefined)[]> {
  const read = (some: readonly Checkpoint[]) =>
    readRoots(
      tx,
      some.map(({ size }) => completeSubtrees(0, size)),
    );
  try {
    return await read(checkpoints);
  } catch (error) {
    if (!(error instanceof MissingLeafError)) throw error;
    const [one, ...others] = checkpoints;
    if (one === undefined || others.length === 0) return [undefined];
    const half = Math.ceil(checkpoints.length / 2);
    return [
      ...(await readEachRoot(tx, checkpoints.slice(0, half))),
      ...(await readEachRoot(tx, checkpoints.slice(half))),
    ];
  }
}

/**
 * The keys among them that have signed a checkpoint.
 *
 * @throws {SignedNoteError} for a signature of one of them that is not valid
 */
export const signersOf = ({ note, origin }: SignedCheckpoint, keys: readonly NoteVerifier[]): NoteVerifier[] =>
  verifiersOf(
    note,
    keys.filter(({ name }) => name === origin),
  );

interface StoredCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly note: string;
}

function parseStored(
  { origin, size, note }: StoredCheckpoint,
  { keys, areKeysKnown, findings }: { keys: LogKeys; areKeysKnown: boolean; findings: Findings },
): SignedCheckpoint | undefined {
  const report = (detail: string) => {
    findings.add("checkpoint", `The stored checkpoint of ${origin} for ${size} rows ${detail}`, { index: size });
    return undefined;
  };
  try {
    const checkpoint = parseSignedCheckpoint(note);
    if (checkpoint.origin !== origin || checkpoint.size !== size) return report("has the note of another one.");
    const known = [...keys.given, ...keys.named];
    const signers = signersOf(checkpoint, known);
    // The key of an origin of before a restore may be lost. Its checkpoints are compared with the log all the same.
    const isKnown = areKeysKnown && known.some(({ name }) => name === origin);
    return signers.length > 0 || !isKnown ? checkpoint : report("is signed by no key of the log.");
  } catch (error) {
    if (!(error instanceof SignedNoteError)) throw error;
    return report(error.message);
  }
}

async function* readStored(tx: Executor, { start, end }: LogRange, size: number): AsyncGenerator<StoredCheckpoint[]> {
  const [bound] = await tx.execute(sql`
    select concat(min(size)) as size from public.audit_checkpoints where size >= ${end}::bigint`);
  // Those for more rows than the log has are to be found, too.
  const last = end < size && bound?.["size"] ? String(bound["size"]) : maxBigint;
  let after = { exactSize: String(start), origin: lastOrigin };
  for (;;) {
    const rows = (await tx.execute(sql`
      select origin, size::float8 as size, concat(size) as "exactSize", note from public.audit_checkpoints
      where (size, origin collate "C") > (${after.exactSize}::bigint, ${after.origin}::text) and size <= ${last}::bigint
      order by size, origin collate "C" limit ${chunkSize}`)) as unknown as (StoredCheckpoint & typeof after)[];
    const latest = rows.at(-1);
    if (latest === undefined) return;
    yield rows;
    after = latest;
  }
}
