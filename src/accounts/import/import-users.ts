import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { type Check, checkedBy } from "../../bulk/index.ts";
import { acquireAdvisoryLock, advisoryLocks, inTransaction } from "../../database/index.ts";
import type { users } from "../../schema/index.ts";
import type { ParsedRow } from "../fields/field-values.ts";
import { importedUserSchema } from "../fields/imported-user.ts";
import { createFieldMapping, type FieldMapping } from "../mapping/field-mapping.ts";
import { createBatchRecorder } from "./batch-recorder.ts";
import { createCheckpoints, type ImportCheckpoint, initialCheckpoint } from "./checkpoint.ts";
import type { ImportOptions, ImportReport } from "./import-options.ts";
import { createLineTracker } from "./line-tracker.ts";
import { createRejectedRowsFile, rejectedRowsPath } from "./rejected-rows.ts";
import { resumeOrBegin, type StartedImport } from "./resumption.ts";
import { openRowStream } from "./row-stream.ts";

/**
 * Imports users with their password hashes from a file of any size. Each batch is committed with its checkpoint. The same
 * call after an interruption of any kind continues after the last committed batch.
 *
 * @throws {ImportExportError} if the file cannot be read, has changed since its import began, or is being imported by
 *   another process
 */
export async function importUsers(options: ImportOptions): Promise<ImportReport> {
  const { from, atomic = false, mapping = createFieldMapping() } = options;
  const started = await startImport({ ...options, mapping });
  const { run, start } = started;
  const report = (outcome: ImportReport["outcome"], { rows, imported, refused }: ImportCheckpoint): ImportReport => ({
    outcome,
    rows,
    imported,
    refused,
    run,
    resumedBehind: start.rows,
    refusedFile: "input" in from || refused === 0 ? null : rejectedRowsPath(from.file, { atomic }),
    leftOut: mapping.omittedCounts(),
  });
  if (start.ended) return report("repeated", start);

  const { isComplete, latest } = await writeRows({ ...options, mapping }, started);
  if (!isComplete) return report("stopped", latest);
  if (atomic && latest.refused > 0) return report("undone", { ...latest, imported: 0 });
  return report("done", latest);
}

type MappedOptions = ImportOptions & { readonly mapping: FieldMapping };

/** Only a file can be resumed, and an atomic import has nothing to resume. */
const isResumable = ({ from, atomic }: ImportOptions): boolean => "file" in from && !atomic;

async function startImport(options: MappedOptions): Promise<StartedImport> {
  const { db, repositories, by, from, format, mapping, restart = false } = options;
  if ("input" in from || !isResumable(options)) return { run: uuidv7(), start: initialCheckpoint };
  return inTransaction(db, async (tx) => {
    await tx.execute(sql`select ${acquireAdvisoryLock(advisoryLocks.importFile(resolve(from.file)))}`);
    return resumeOrBegin(from.file, {
      restart,
      reading: `${format} ${mapping.description}`,
      checkpointOf: (run) => createCheckpoints(repositories.audit, { by, run }).read(tx),
    });
  });
}

/** Bytes that are parsed without a pause: few, so that the event loop answers the database in between. */
const chunkSize = 16 * 1024;

async function writeRows(
  options: MappedOptions,
  { run, start }: StartedImport,
): Promise<{ isComplete: boolean; latest: ImportCheckpoint }> {
  const { db, repositories, by, from, format, mapping, atomic = false, signal } = options;
  const input = "file" in from ? createReadStream(from.file, { highWaterMark: chunkSize }) : from.input;
  const rejectedRows =
    "file" in from ? createRejectedRowsFile(rejectedRowsPath(from.file, { atomic })) : from.rejectedRows;
  const stream = openRowStream(input, { format, mapping, signal });
  const lines = createLineTracker(stream.rows, { skip: start.rows, signal, atomic });
  const checkpoints = createCheckpoints(repositories.audit, { by, run });
  const recorder = createBatchRecorder({ start, checkpoints, lines, rejectedRows });
  try {
    await repositories.users.createMany(by, lines.rows(), {
      atomic,
      check: rowCheck({ reservedNames: options.allowReservedNames ?? false }),
      onBatch: async (tx, batch) => {
        const checkpoint = await recorder.record(tx, batch);
        options.onProgress?.({ ...checkpoint, resumedBehind: start.rows, bytesRead: stream.bytesRead() });
      },
    });
    const latest = recorder.latest();
    if (lines.isComplete() && isResumable(options))
      await inTransaction(db, async (tx) => {
        await checkpoints.lock(tx, latest);
        await checkpoints.write(tx, { ...latest, ended: true });
      });
    return { isComplete: lines.isComplete(), latest };
  } finally {
    input.destroy();
    await rejectedRows.close();
  }
}

function rowCheck(options: { reservedNames: boolean }): Check<ParsedRow, typeof users.$inferInsert> {
  const checkFields = checkedBy<typeof users.$inferInsert>(importedUserSchema(options));
  return (row) => ("issue" in row ? { refused: { code: "BAD_REQUEST", ...row.issue } } : checkFields(row.fields));
}
