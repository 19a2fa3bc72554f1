import DataLoader from "dataloader";
import type { Actor } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { type AuditEvent, type AuditLogRepository, type AuditRow, auditRowOf } from "../repositories/index.ts";

/**
 * Events that one statement writes. Of many events, several connections then write a part each, while the next events are
 * prepared (`npm run bench`).
 */
const maxBatchSize = 64;

/**
 * Records single events. Those of one turn of the event loop, which receives the requests of many connections, share a
 * statement.
 */
export interface EventRecorder {
  /**
   * Records an event. The promise resolves after the commit.
   *
   * @throws {InvalidInputError} for an unknown user
   */
  record(by: Actor, event: AuditEvent): Promise<void>;
}

export function createEventRecorder(audit: AuditLogRepository): EventRecorder {
  const loader = new DataLoader((rows: readonly AuditRow[]) => writeEvents(audit, rows), {
    cache: false,
    maxBatchSize,
    batchScheduleFn: setImmediate,
  });
  return {
    record: async (by, event) => {
      await loader.load(auditRowOf(by, event));
    },
  };
}

/** Events for unknown users fail individually; the rest of the batch is written. @returns an error or null for each */
async function writeEvents(audit: AuditLogRepository, rows: readonly AuditRow[]): Promise<(null | Error)[]> {
  try {
    await audit.insert(rows);
    return rows.map(() => null);
  } catch (error) {
    if (!(error instanceof InvalidInputError) || rows.length === 1) throw error;
    const unknown = await audit.withUnknownUsers(rows);
    const others = rows.filter((row) => !unknown.has(row));
    if (others.length > 0) await audit.insert(others);
    return rows.map((row) => (unknown.has(row) ? error : null));
  }
}
