import { sql } from "drizzle-orm";
import { type Actor, acquireAdvisoryLock, advisoryLocks, type Executor } from "../../database/index.ts";
import type { AuditLogRepository } from "../../repositories/index.ts";
import { ImportExportError } from "../errors.ts";

/** How far an import is. */
export interface ImportPosition {
  /** Rows of the file that are decided. */
  readonly rows: number;
  readonly imported: number;
  readonly refused: number;
  /** Length of the file of refused rows. */
  readonly refusedBytes: number;
  readonly ended: boolean;
}

export const beginning: ImportPosition = { rows: 0, imported: 0, refused: 0, refusedBytes: 0, ended: false };

const resourceType = "import";

/**
 * Keeps an import's position in the audit trail, written in the transaction of the rows that it speaks of. So it is
 * never ahead of them and never behind, whatever dies and when, and every database knows its own.
 */
export function createLedger(audit: AuditLogRepository, { by, run }: { by: Actor; run: string }) {
  /** The position as it is committed; until the transaction ends nobody else can move it, and who is just moving it is waited for. */
  async function read(tx: Executor): Promise<ImportPosition> {
    await tx.execute(sql`select ${acquireAdvisoryLock(advisoryLocks.importRun(run))}`);
    const { items } = await audit.within(tx).list({ where: { resourceType, resourceId: run }, limit: 1 });
    return (items[0]?.changes as ImportPosition | null | undefined) ?? beginning;
  }

  return {
    read,
    /** Makes sure that nobody else imports, until the transaction ends. @throws {ImportExportError} when somebody else has moved on from there */
    claim: async (tx: Executor, from: ImportPosition): Promise<void> => {
      const { rows, ended } = await read(tx);
      if (rows !== from.rows || ended) throw new ImportExportError("Another process is importing the same file.");
    },
    /** Puts down how far it is, for who has claimed it. */
    write: async (tx: Executor, to: ImportPosition): Promise<void> => {
      await audit
        .within(tx)
        .recordMany(by, [{ action: "import.batch", resourceType, resourceId: run, changes: { ...to } }]);
    },
  };
}
