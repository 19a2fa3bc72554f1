import { sql } from "drizzle-orm";
import { type Actor, acquireAdvisoryLock, advisoryLocks, type Executor } from "../../database/index.ts";
import type { AuditLogRepository } from "../../repositories/index.ts";
import { ImportExportError } from "../errors.ts";

/** How far an import has got: its position in the file and its counts. */
export interface ImportCheckpoint {
  /** Rows of the file that are imported or rejected. */
  readonly rows: number;
  readonly imported: number;
  readonly refused: number;
  /** Length of the file of rejected rows (bytes). */
  readonly refusedBytes: number;
  /** Whether the whole file is imported. */
  readonly ended: boolean;
}

export const initialCheckpoint: ImportCheckpoint = {
  rows: 0,
  imported: 0,
  refused: 0,
  refusedBytes: 0,
  ended: false,
};

export interface ImportCheckpoints {
  /** Returns the committed checkpoint, and locks it until the transaction ends. Waits for another transaction's lock. */
  read(tx: Executor): Promise<ImportCheckpoint>;
  /**
   * Locks the checkpoint until the transaction ends.
   *
   * @throws {ImportExportError} if another process has moved it away from `expected`
   */
  lock(tx: Executor, expected: ImportCheckpoint): Promise<void>;
  /** Writes the next checkpoint. The caller holds the lock. */
  write(tx: Executor, next: ImportCheckpoint): Promise<void>;
}

const resourceType = "import";

/**
 * Stores the checkpoints of an import in the audit trail. Each is written in the transaction of the rows that it counts,
 * so the two agree after a crash at any point, and every database has its own checkpoint of a file.
 */
export function createCheckpoints(
  audit: AuditLogRepository,
  { by, run }: { by: Actor; run: string },
): ImportCheckpoints {
  const read = async (tx: Executor): Promise<ImportCheckpoint> => {
    await tx.execute(sql`select ${acquireAdvisoryLock(advisoryLocks.importRun(run))}`);
    const { items } = await audit.withTransaction(tx).list({ where: { resourceType, resourceId: run }, limit: 1 });
    return (items[0]?.changes as ImportCheckpoint | null | undefined) ?? initialCheckpoint;
  };
  return {
    read,
    lock: async (tx, expected) => {
      const { rows, ended } = await read(tx);
      if (rows !== expected.rows || ended) throw new ImportExportError("Another process is importing the same file.");
    },
    write: async (tx, next) => {
      const entry = { action: "import.batch", resourceType, resourceId: run, changes: { ...next } };
      await audit.withTransaction(tx).recordMany(by, [entry]);
    },
  };
}
