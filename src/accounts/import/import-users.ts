import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import { type BatchReport, type Check, checkedBy } from "../../bulk/index.ts";
import {
  type Actor,
  acquireAdvisoryLock,
  advisoryLocks,
  type Db,
  type Executor,
  inTransaction,
} from "../../database/index.ts";
import type { Repositories } from "../../repositories/index.ts";
import type { users } from "../../schema/index.ts";
import type { Format } from "../file-format.ts";
import type { Line } from "../formats/fields.ts";
import { createLines } from "../formats/lines.ts";
import { beginning, createLedger, type ImportPosition } from "./checkpoint.ts";
import { importedUser } from "./imported-user.ts";
import { createMapping, type Mapping } from "./mapping.ts";
import { type ImportRun, openRun } from "./pipeline.ts";
import { openRefusals, type Refusals } from "./rejected-rows.ts";
import { openSource } from "./source.ts";

export interface ImportOptions {
  readonly db: Db;
  readonly repositories: Pick<Repositories, "users" | "audit">;
  readonly by: Actor;
  /** A file, whose import can be resumed; or a stream, of which refused rows go to `refusals`. */
  readonly from: { readonly file: string } | { readonly input: Readable; readonly refusals: Refusals };
  readonly format: Format;
  /** Which column or key is which field, where it is not called so; created by `createMapping`. */
  readonly mapping?: Mapping | undefined;
  /** Players keep names that speak for the game, too. */
  readonly allowReservedNames?: boolean | undefined;
  /** All rows or none, in one transaction. */
  readonly atomic?: boolean | undefined;
  /** Begins anew, whatever was imported of the file before. */
  readonly restart?: boolean | undefined;
  /** Ends it behind the batch that is being written. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

export interface ImportProgress extends Pick<ImportPosition, "rows" | "imported" | "refused"> {
  /** Rows that an attempt before had decided. */
  readonly resumedBehind: number;
  /** Bytes of the file. */
  readonly read: number;
}

export interface ImportReport extends Pick<ImportPosition, "rows" | "imported" | "refused"> {
  /** `repeated`: the file was imported before, and nothing was done; `undone`: all or none was asked for, and it is none. */
  readonly outcome: "done" | "repeated" | "undone" | "stopped";
  /** By this the audit trail knows it: a resource of type `import`. */
  readonly run: string;
  /** Rows that an attempt before had decided. */
  readonly resumedBehind: number;
  readonly refusedFile: string | null;
  /** Values of the rows that were read that have no place here, counted by the name of their column or key. */
  readonly leftOut: Readonly<Record<string, number>>;
}

/**
 * Brings in users out of a file of any size, with the hashes of their passwords as they are. Each batch is committed
 * with the position that it leads to: a file whose import was broken off, in whatever way, is gone on with exactly
 * behind the last batch that was committed.
 *
 * @throws {ImportExportError}
 */
export async function importUsers(options: ImportOptions): Promise<ImportReport> {
  const { db, repositories, by, from, format, atomic = false, restart = false, signal } = options;
  const { mapping = createMapping(), allowReservedNames = false } = options;
  const file = "file" in from ? from.file : undefined;
  const ledgerOf = (run: string) => createLedger(repositories.audit, { by, run });
  const resumable = file !== undefined && !atomic;
  const { id: run, position: start }: ImportRun = resumable
    ? await inTransaction(db, async (tx) => {
        await tx.execute(sql`select ${acquireAdvisoryLock(advisoryLocks.importFile(resolve(file)))}`);
        return openRun(file, {
          restart,
          reading: `${format} ${mapping.description}`,
          positionOf: (run) => ledgerOf(run).read(tx),
        });
      })
    : { id: uuidv7(), position: beginning };
  const report = (outcome: ImportReport["outcome"], { rows, imported, refused }: ImportPosition): ImportReport => {
    const refusedFile = file === undefined || refused === 0 ? null : refusedFileOf(file, { atomic });
    return {
      outcome,
      rows,
      imported,
      refused,
      run,
      resumedBehind: start.rows,
      refusedFile,
      leftOut: mapping.leftOut(),
    };
  };
  if (start.ended) return report("repeated", start);

  const refusals = "file" in from ? openRefusals(refusedFileOf(from.file, { atomic })) : from.refusals;
  const input = "file" in from ? createReadStream(from.file, { highWaterMark: chunkSize }) : from.input;
  const source = openSource(input, { format, mapping, signal });
  const lines = createLines(source.lines, { skip: start.rows, signal, whole: atomic });
  const ledger = ledgerOf(run);
  const check = checkOf(importedUser({ reservedNames: allowReservedNames }));
  let before = start;
  let latest = start;

  const onBatch = async (tx: Executor, { end, written, refused }: BatchReport) => {
    // A batch that is run again begins where it began before.
    if (start.rows + end > latest.rows) {
      lines.forget(before.rows - start.rows);
      before = latest;
    }
    await ledger.claim(tx, before);
    const rows = refused.map(({ index, ...reason }) => ({ line: lines.at(index), ...reason }));
    latest = {
      rows: start.rows + end,
      imported: before.imported + written,
      refused: before.refused + refused.length,
      refusedBytes: await refusals.put(rows, before.refusedBytes),
      ended: false,
    };
    await ledger.write(tx, latest);
    options.onProgress?.({ ...latest, resumedBehind: start.rows, read: source.read() });
  };

  try {
    await repositories.users.createMany(by, lines.rows(), { atomic, check, onBatch });
    if (!lines.complete()) return report("stopped", latest);
    if (atomic && latest.refused > 0) return report("undone", { ...latest, imported: 0 });
    if (resumable) {
      await inTransaction(db, async (tx) => {
        await ledger.claim(tx, latest);
        await ledger.write(tx, { ...latest, ended: true });
      });
    }
    return report("done", latest);
  } finally {
    input.destroy();
    await refusals.close();
  }
}

/** Bytes that are parsed in one go: few, so that the database never waits for it. */
const chunkSize = 16 * 1024;

/** One that can be gone on with goes on with its own file, whatever was tried in between. */
const refusedFileOf = (file: string, { atomic }: { atomic: boolean }) =>
  `${file}${atomic ? ".atomic" : ""}.refused.jsonl`;

function checkOf(rule: z.ZodType): Check<Line, typeof users.$inferInsert> {
  const checkFields = checkedBy<typeof users.$inferInsert>(rule);
  return (line) => ("fault" in line ? { refused: { code: "BAD_REQUEST", ...line.fault } } : checkFields(line.fields));
}
