import { type SQL, sql } from "drizzle-orm";
import type { Db, Executor } from "../../database/index.ts";
import { InvalidInputError } from "../../errors.ts";
import { parseSignedCheckpoint, type SignedCheckpoint } from "../checkpoint.ts";
import { entrySettings } from "../entry-row.ts";
import type { LogPosition } from "../position.ts";
import { keyNamesOf, type NoteVerifier, SignedNoteError } from "../signed-note.ts";
import { countAllRows, type UnsealedRows, verifyAdditions } from "./additions.ts";
import { type LogKeys, signersOf, verifyKeptRoots, verifyRoots, verifyStoredCheckpoints } from "./checkpoints.ts";
import { EntryVerifier, type LateRows, type LogRange, planSettings, readEntries } from "./entries.ts";
import { type Finding, type FindingKind, Findings } from "./findings.ts";
import { readNamedKeys } from "./keys.ts";
import { NodeVerifier } from "./nodes.ts";
import { readRange } from "./range.ts";

/** The result of a verification. */
export interface LogVerification {
  /**
   * `intact`: all rows and their order are those that were signed. `altered`: there are findings. `unknown`: there are none,
   * and no given key has signed the log.
   */
  readonly verdict: "intact" | "altered" | "unknown";
  /** Why it is unknown. */
  readonly reason: string | null;
  /** Rows with an index. */
  readonly size: number;
  /** The indexes that were verified, from `start` to before `end`. */
  readonly range: LogRange;
  /** The last checkpoint, which covers so many rows: of the origin of a given key, if there is one. */
  readonly checkpoint: { readonly origin: string; readonly size: number; readonly key: string | null } | null;
  /** Given checkpoints that were compared with the log. */
  readonly compared: number;
  /** Rows with an index that no checkpoint of a given key's origin covers yet. */
  readonly unsigned: number;
  readonly unsealed: UnsealedRows;
  readonly late: LateRows;
  readonly counts: Partial<Record<FindingKind, number>>;
  /** The first thousand findings. */
  readonly findings: readonly Finding[];
}

export interface LogVerificationOptions {
  /** The public keys that the caller knows to be those of the log. */
  readonly keys: readonly NoteVerifier[];
  readonly from?: LogPosition | undefined;
  readonly to?: LogPosition | undefined;
  /** Checkpoints of the log that were kept elsewhere, as signed notes. */
  readonly against?: readonly string[] | undefined;
  /** Called after each chunk of rows. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** More rows are refused. */
  readonly maxRows?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Verifies the audit trail: each row is the one whose hash is in the log, the log is the one that was signed, and no row was
 * added beside it. All is read in one snapshot, and hashed here: no function of the database is trusted, and no row is
 * written. The amount of memory does not depend on the number of rows.
 *
 * @throws {InvalidInputError} for a range that is too long, and a checkpoint that is none, or of another log
 */
export function verifyLog(db: Db, options: LogVerificationOptions): Promise<LogVerification> {
  return db.transaction((tx) => verifySnapshot(tx, options), {
    isolationLevel: "repeatable read",
    accessMode: "read only",
  });
}

/** Verifies what a transaction sees. @throws {InvalidInputError} */
export async function verifySnapshot(tx: Executor, options: LogVerificationOptions): Promise<LogVerification> {
  const { from, to, signal, onProgress, maxRows = Number.POSITIVE_INFINITY } = options;
  await tx.execute(entrySettings);
  await tx.execute(planSettings);
  const findings = new Findings();
  const { size, recordedSize } = await readSize(tx);
  if (recordedSize !== size)
    findings.add("removed", `The log has ${size} rows, and the sequencer gave an index to ${recordedSize}.`, {
      index: Math.min(size, recordedSize),
    });
  if (isAfter(from, to)) throw new InvalidInputError("from: must not be after `to`.", { field: "from" });
  const keys = { given: options.keys, named: await readNamedKeys(tx, options.keys) };
  const isWhole = from === undefined && to === undefined;
  const against = (options.against ?? []).map((note) => parseGiven(note, keys));
  const { last, later } = await readLast(tx, options.keys);
  const range = await readRange(tx, { from, to, size });
  if (range.end - range.start > maxRows)
    throw new InvalidInputError(
      `The range has ${range.end - range.start} rows, and at most ${maxRows} are verified here: give a shorter one, or run ` +
        "`aeturnis-data audit verify`.",
      { field: "from" },
    );

  const nodes = new NodeVerifier(findings, last?.size ?? 0);
  const entries = new EntryVerifier(findings, range.start);
  for await (const leaves of readEntries(tx, range)) {
    signal?.throwIfAborted();
    await entries.verify(tx, leaves, (index, hash) => nodes.addLeaf(index, hash));
    await nodes.verifyLeaves(tx);
    onProgress?.({ done: entries.rows, total: range.end - range.start });
  }
  await nodes.verifyLeaves(tx, { isLast: true });
  entries.finish(range.end);
  if (isWhole && entries.rows !== (await countAllRows(tx, sql`public.audit_leaves`)))
    findings.add("added", "The log has leaves that no index reaches.");
  await nodes.verifyUpper(tx, size);
  const unsealed = await verifyAdditions(tx, {
    from: lowerBound(from, entries.firstTime),
    to: upperBound(to, entries.lastTime),
    isWhole,
    // Of a part, the days at its ends have further rows.
    rowsByDay: isWhole ? entries.rowsByDay : new Map(),
    range,
    findings,
    signal,
  });
  const key = last === undefined ? undefined : givenSignerOf(last, options.keys);
  // First, because their findings tell more.
  await verifyKeptRoots(tx, { checkpoints: against, size, findings });
  await verifyStoredCheckpoints(tx, { keys, range, size, areKeysKnown: key !== undefined, findings, signal });
  // The last one, whatever part is verified: the nodes above it are those that were signed.
  if (key !== undefined && last !== undefined) await verifyRoots(tx, { checkpoints: [last], size, findings });

  const reason = reasonOf({ last, later, key, isEmpty: range.start === range.end && !isWhole });
  const counts = findings.counts;
  return {
    verdict: Object.keys(counts).length > 0 ? "altered" : reason === null ? "intact" : "unknown",
    reason,
    size,
    range,
    checkpoint: last === undefined ? null : { origin: last.origin, size: last.size, key: key?.text ?? null },
    compared: against.length,
    unsigned: Math.max(0, size - (last?.size ?? 0)),
    unsealed,
    late: entries.late,
    counts,
    findings: findings.first,
  };
}

function isAfter(from: LogPosition | undefined, to: LogPosition | undefined): boolean {
  if (from === undefined || to === undefined) return false;
  if ("index" in from) return "index" in to && from.index > to.index;
  return "time" in to && from.time > to.time;
}

/** The number of leaves, by the highest index, and by the state of the sequencer. */
async function readSize(tx: Executor): Promise<{ size: number; recordedSize: number }> {
  const [row] = await tx.execute(sql`
    select coalesce((select max(index)::float8 + 1 from public.audit_leaves), 0) as size,
      coalesce((select max(size) from public.audit_sequencer), 0)::float8 as recorded_size`);
  return { size: Number(row?.["size"]), recordedSize: Number(row?.["recorded_size"]) };
}

/** Checkpoints among which the last one that is a note is looked for. A note that is none is a finding later. */
const maxCandidates = 100;

/** The last checkpoints of the log. */
interface LastCheckpoints {
  /** The one of most rows: of the origin of a given key, if there is one. */
  readonly last: SignedCheckpoint | undefined;
  /**
   * One of more rows, of the origin of no given key. The service went on under a new origin, or whoever writes to the database
   * has inserted it: nobody can tell without its key.
   */
  readonly later: SignedCheckpoint | undefined;
}

async function readLast(tx: Executor, given: readonly NoteVerifier[]): Promise<LastCheckpoints> {
  const longest = await readLongest(tx, sql`true`);
  const origins = JSON.stringify(given.map(({ name }) => name));
  // Apart, so that others do not hide it, however many there are.
  const own = await readLongest(tx, sql`origin in (select json_array_elements_text(${origins}::json))`);
  const isLater = longest !== undefined && own !== undefined && longest.size > own.size;
  return { last: own ?? longest, later: isLater ? longest : undefined };
}

async function readLongest(tx: Executor, condition: SQL): Promise<SignedCheckpoint | undefined> {
  const rows = await tx.execute(sql`
    select note from public.audit_checkpoints where ${condition} order by size desc, created_at desc limit ${maxCandidates}`);
  for (const row of rows)
    try {
      return parseSignedCheckpoint(String(row["note"]));
    } catch (error) {
      if (!(error instanceof SignedNoteError)) throw error;
    }
  return undefined;
}

function parseGiven(note: string, { given, named }: LogKeys): SignedCheckpoint {
  try {
    const checkpoint = parseSignedCheckpoint(note);
    if (signersOf(checkpoint, [...given, ...named]).length > 0) return checkpoint;
    throw new InvalidInputError(
      `The checkpoint of ${checkpoint.origin} for ${checkpoint.size} rows is signed by none of the keys of this log. If the key ` +
        `that signed it, ${keyNamesOf(checkpoint.note)[0]}, is an older one, give it too: --key <old key> <new key>.`,
      { field: "against" },
    );
  } catch (error) {
    if (error instanceof SignedNoteError)
      throw new InvalidInputError(`A given checkpoint ${error.message}`, { field: "against" });
    throw error;
  }
}

/** A signature that is not valid is a finding already. */
function givenSignerOf(last: SignedCheckpoint, given: readonly NoteVerifier[]): NoteVerifier | undefined {
  try {
    return signersOf(last, given)[0];
  } catch (error) {
    if (error instanceof SignedNoteError) return undefined;
    throw error;
  }
}

function reasonOf({
  last,
  later,
  key,
  isEmpty,
}: {
  key: NoteVerifier | undefined;
  isEmpty: boolean;
} & LastCheckpoints): string | null {
  if (isEmpty) return "The log has no rows between these positions.";
  if (last === undefined) return "The log has no checkpoint: no service has signed it.";
  if (key !== undefined && later === undefined) return null;
  if (later !== undefined)
    return (
      `A later checkpoint, of ${later.origin} for ${later.size} rows, is signed by ${keyNamesOf(later.note).join(" and ")}, and ` +
      "by none of the given keys. If the log went on under a new origin, give its key too."
    );
  return `The last checkpoint is signed by ${keyNamesOf(last.note).join(" and ")}, and by none of the given keys.`;
}

const lowerBound = (from: LogPosition | undefined, first: string | undefined): string => {
  if (from === undefined) return "-infinity";
  return "time" in from ? from.time.toISOString() : (first ?? "infinity");
};

const upperBound = (to: LogPosition | undefined, last: string | undefined): string => {
  if (to === undefined) return "infinity";
  return "time" in to ? to.time.toISOString() : (last ?? "-infinity");
};
