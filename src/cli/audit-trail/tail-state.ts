import { existsSync, readFileSync } from "node:fs";
import type { LogPosition } from "../../audit/index.ts";
import { writePrivately } from "../../config/index.ts";
import { ConflictError } from "../../errors.ts";
import type { AuditLogRepository } from "../../repositories/index.ts";
import { UsageError, withNamedFile } from "../failure.ts";

/** Time between two writes of the state (ms). After a crash, rows of this time are printed again. */
const stateInterval = 1_000;

/** What a pipe holds at most (bytes), which is lost with its reader (pipe(7), pipe-max-size). */
const pipeCapacity = 1024 * 1024;

/** A row that was printed. */
interface PrintedRow {
  readonly index: number;
  readonly id: string;
}

/** The file of `--state`: the index of the next row, and the id of the one before, which tells a restored log from this one. */
export class TailState {
  readonly #file: string;
  #next: number | undefined;
  #last: PrintedRow | undefined;
  /** The last rows, with the length of each, of about the size of a pipe. */
  #recent: { readonly row: PrintedRow; readonly length: number }[] = [];
  #recentLength = 0;
  #saving: NodeJS.Timeout | undefined;

  /** @throws {UsageError} for a file that is none of this class */
  constructor(file: string) {
    this.#file = file;
    if (!existsSync(file)) return;
    const text = withNamedFile("--state", file, () => readFileSync(file, "utf8"));
    const [, next, id] = /^(\d{1,15})(?: ([0-9a-f-]{36}))?$/.exec(text.trim()) ?? [];
    if (next === undefined) throw new UsageError(`--state ${file}: is not a file of this command.`);
    this.#next = Number(next);
    if (id !== undefined) this.#last = { index: this.#next - 1, id };
  }

  get start(): LogPosition | undefined {
    return this.#next === undefined ? undefined : { index: this.#next };
  }

  /** @throws {ConflictError} if another row has the index of the last one that was printed */
  async verify(audit: AuditLogRepository): Promise<void> {
    const last = this.#last;
    if (last === undefined) return;
    const range = { start: last.index, end: last.index + 1, filters: [{}], maxSize: 1 };
    const [found] = (await audit.readLog(range)).entries;
    if (found === undefined || found.toEntry().id === last.id) return;
    throw new ConflictError(
      `--state ${this.#file}: the row with the index ${last.index} was ${last.id} and is another one now: the log was ` +
        "restored to an earlier moment. Remove the file, and begin with --from at an index or a time.",
    );
  }

  begin(next: number): void {
    this.#next = next;
    this.save();
  }

  /** @param length of the row as it was printed (bytes) */
  advance(row: PrintedRow, length: number): void {
    this.#next = row.index + 1;
    this.#last = row;
    this.#recent.push({ row, length });
    this.#recentLength += length;
    while (this.#recentLength - (this.#recent[0]?.length ?? 0) >= pipeCapacity)
      this.#recentLength -= this.#recent.shift()?.length ?? 0;
    this.#saving ??= setTimeout(() => this.save(), stateInterval).unref();
  }

  /** Goes back to the first row that the reader of a pipe may not have read. */
  rewind(): void {
    const first = this.#recent[0]?.row;
    if (first === undefined) return;
    this.#next = first.index;
    this.#last = undefined;
  }

  save(): void {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    if (this.#next === undefined) return;
    const text = this.#last === undefined ? `${this.#next}` : `${this.#next} ${this.#last.id}`;
    withNamedFile("--state", this.#file, () => writePrivately(this.#file, `${text}\n`));
  }
}
