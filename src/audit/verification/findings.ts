import type { Checkpoint } from "../checkpoint.ts";

/** What is wrong with the trail or its log. */
export type FindingKind =
  /** The row is another one than that which got the index. */
  | "changed"
  /** The row, or its leaf, is gone. */
  | "removed"
  /** The row has no index, and rows that were written later have one. */
  | "added"
  /** The row has another time than it had. */
  | "moved"
  /** `user_id` is another than `acting_id`, or null although the account exists. */
  | "reassigned"
  /** An inner node of the tree is not the hash of those below it. */
  | "tree"
  /** A stored checkpoint is not one of this log, or its signature is not valid. */
  | "checkpoint"
  /** The log is shorter than a signed checkpoint of it. */
  | "rolled_back"
  /** The log has as many rows as a signed checkpoint of it, but others. */
  | "forked";

export interface Finding {
  readonly kind: FindingKind;
  /** The index in the log; for a checkpoint its size. Null for a row that has none. */
  readonly index: number | null;
  /** The id of the row; null if it is not known. */
  readonly id: string | null;
  /** The time of the row: ISO 8601 in UTC, with microseconds. */
  readonly createdAt: string | null;
  /** One sentence. It contains no value of the row but ids. */
  readonly detail: string;
}

/** Findings that are kept. All are counted. */
const maxKept = 1_000;

/** Collects findings in a bounded amount of memory. */
export class Findings {
  readonly #kept: Finding[] = [];
  readonly #counts = new Map<FindingKind, number>();
  /** A checkpoint may be looked at twice: as a stored one, and as the last or a given one. */
  readonly #ofCheckpoints = new Set<string>();

  addOfCheckpoint(kind: "rolled_back" | "forked", detail: string, { origin, size }: Checkpoint): void {
    const checkpoint = `${kind} ${size} ${origin}`;
    if (this.#ofCheckpoints.has(checkpoint)) return;
    if (this.#ofCheckpoints.size < maxKept) this.#ofCheckpoints.add(checkpoint);
    this.add(kind, detail, { index: size });
  }

  add(kind: FindingKind, detail: string, place: Partial<Pick<Finding, "index" | "id" | "createdAt">> = {}): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (this.#kept.length < maxKept)
      this.#kept.push({ kind, index: null, id: null, createdAt: null, ...place, detail });
  }

  /** The first thousand, by their place in the log. */
  get first(): Finding[] {
    return this.#kept.toSorted((a, b) => (a.index ?? Infinity) - (b.index ?? Infinity));
  }

  get counts(): Partial<Record<FindingKind, number>> {
    return Object.fromEntries(this.#counts);
  }
}
