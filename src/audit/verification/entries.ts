import { sql } from "drizzle-orm";
import { prefetch } from "../../bulk/index.ts";
import type { Executor } from "../../database/index.ts";
import { entryOf } from "../entry.ts";
import { type EntryRow, entryColumns, entrySaltsOf, entryTime, entryValuesOf } from "../entry-row.ts";
import { leafHash } from "../merkle.ts";
import type { Findings } from "./findings.ts";

/** Leaves of one statement, with their rows: about 5 MB with the largest changes. */
const chunkSize = 1_000;

/** A row may be older than one before it in the log by this (ms): transactions commit in another order than they write. */
const lateness = 60_000;

/** After all others. */
const lastId = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Settings of a transaction that reads the log: leaves and rows are looked up one by one, whatever the statistics say. */
export const planSettings = sql`
  select set_config(name, 'off', true)
  from unnest('{enable_hashjoin,enable_mergejoin,enable_seqscan,enable_bitmapscan,jit}'::text[]) as name`;

/** Indexes of the log, from `start` to before `end`. */
export interface LogRange {
  readonly start: number;
  readonly end: number;
}

/** Rows whose time is more than a minute before that of a row before them in the log. */
export interface LateRows {
  readonly rows: number;
  /** The index of the first. */
  readonly firstIndex: number | null;
}

/** Compares the rows of the trail with the leaves of its log, in the order of the log. */
export class EntryVerifier {
  /** Rows that have a leaf, by their day. */
  readonly rowsByDay = new Map<string, number>();
  rows = 0;
  late: LateRows = { rows: 0, firstIndex: null };
  /** The earliest and the latest time of a leaf; undefined before the first. */
  firstTime: string | undefined;
  lastTime: string | undefined;
  readonly #findings: Findings;
  #next: number;
  #day = { name: "", rows: 0 };

  constructor(findings: Findings, start: number) {
    this.#findings = findings;
    this.#next = start;
  }

  /**
   * Verifies the next leaves. `onLeaf` is called for each, in order; the caller cannot rely on the order of hashes where an
   * index is missing or is there twice, which is a finding.
   */
  async verify(
    tx: Executor,
    leaves: readonly EntryRow[],
    onLeaf: (index: number, hash: string) => void,
  ): Promise<void> {
    const missing: EntryRow[] = [];
    for (const leaf of leaves) {
      const index = Number(leaf["index"]);
      this.#requireNext(index);
      onLeaf(index, leaf["hash"] as string);
      this.#noteTime(index, leaf["created_at"] as string);
      if (leaf["is_missing"] === true) missing.push(leaf);
      else this.#compare(index, leaf);
    }
    this.rows += leaves.length;
    if (missing.length > 0) await this.#reportMissing(tx, missing);
  }

  /** The indexes up to `end` are missing if they have not come. */
  finish(end: number): void {
    if (this.#next < end) this.#requireNext(end);
    this.#finishDay();
  }

  #requireNext(index: number): void {
    const next = this.#next;
    if (index > next) {
      const last = index - 1;
      const which = last === next ? `index ${next}` : `the indexes ${next} to ${last}`;
      this.#findings.add("removed", `The log has no leaf with ${which}.`, { index: next });
    } else if (index < next) {
      this.#findings.add("added", `The index ${index} is there twice: two leaves have it, or two rows have one leaf.`, {
        index,
      });
    }
    this.#next = Math.max(next, index + 1);
  }

  #noteTime(index: number, time: string): void {
    if (this.firstTime === undefined || time < this.firstTime) this.firstTime = time;
    if (this.lastTime === undefined || time >= this.lastTime) this.lastTime = time;
    else if (Date.parse(this.lastTime) - Date.parse(time) > lateness)
      this.late = { rows: this.late.rows + 1, firstIndex: this.late.firstIndex ?? index };
  }

  #compare(index: number, row: EntryRow): void {
    const values = entryValuesOf(row);
    const { id, createdAt } = values;
    this.#countDay(createdAt.slice(0, 10));
    if (row["hash"] !== leafHash(entryOf(values, entrySaltsOf(row))))
      this.#findings.add("changed", "The row is not the one whose hash the log has.", { index, id, createdAt });
    const userId = row["reassigned"];
    if (userId === null) return;
    const { actingId } = values;
    this.#findings.add(
      "reassigned",
      userId === ""
        ? `user_id is null, and the account ${actingId} exists.`
        : `user_id is ${userId}, and acting_id is ${actingId}.`,
      { index, id, createdAt },
    );
  }

  /** Most rows are of the same day as the one before. */
  #countDay(name: string): void {
    if (name !== this.#day.name) {
      this.#finishDay();
      this.#day = { name, rows: 0 };
    }
    this.#day.rows++;
  }

  #finishDay(): void {
    const { name, rows } = this.#day;
    this.rowsByDay.set(name, (this.rowsByDay.get(name) ?? 0) + rows);
  }

  /** A row that has another time now is not gone. */
  async #reportMissing(tx: Executor, leaves: readonly EntryRow[]): Promise<void> {
    const ids = JSON.stringify(leaves.map((leaf) => leaf["id"]));
    const rows = await tx.execute(sql`
      select entry.id, ${entryTime("entry.created_at")} as created_at from public.audit_log as entry
      where entry.id in (select value::uuid from json_array_elements_text(${ids}::json))
        and not exists (select from public.audit_leaves as leaf where leaf.id = entry.id and leaf.created_at = entry.created_at)`);
    const moved = new Map(rows.map((row) => [row["id"], row["created_at"]]));
    for (const leaf of leaves) {
      const place = { index: Number(leaf["index"]), id: leaf["id"] as string };
      const time = leaf["created_at"] as string;
      if (moved.has(leaf["id"]))
        this.#findings.add("moved", `Its time was ${time}.`, {
          ...place,
          createdAt: moved.get(leaf["id"]) as string,
        });
      else
        this.#findings.add("removed", "The log has its hash, and the trail has no such row.", {
          ...place,
          createdAt: time,
        });
    }
  }
}

/**
 * The leaves of a range with their rows, in the order of the log. The next statement runs while the rows of the one before
 * are used.
 */
export const readEntries = (tx: Executor, range: LogRange): AsyncGenerator<EntryRow[]> =>
  prefetch(readChunks(tx, range));

async function* readChunks(tx: Executor, { start, end }: LogRange): AsyncGenerator<EntryRow[]> {
  // Not only the index: two leaves may have the same.
  let after = { index: start - 1, createdAt: "infinity", id: lastId };
  for (;;) {
    const rows: EntryRow[] = await tx.execute(sql`
      select leaf.index::float8 as index, coalesce(encode(leaf.hash, 'hex'), '') as hash, entry.id is null as is_missing, ${entryColumns},
        case when entry.user_id is distinct from entry.acting_id
          and (entry.user_id is not null or exists (
            select from public.users where users.id = entry.acting_id and users.created_at <= entry.created_at))
          then concat(entry.user_id) end as reassigned
      from (
        select * from public.audit_leaves
        where (index, created_at, id) > (${after.index}::bigint, ${after.createdAt}::timestamptz, ${after.id}::uuid) and index < ${end}::bigint
        order by index, created_at, id limit ${chunkSize}
      ) as leaf
      left join public.audit_log as entry on entry.id = leaf.id and entry.created_at = leaf.created_at
      order by leaf.index, leaf.created_at, leaf.id`);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    if (rows.length < chunkSize) return;
    after = { index: Number(last["index"]), createdAt: last["created_at"] as string, id: last["id"] as string };
  }
}
