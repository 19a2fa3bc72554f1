import type { Actor } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { type AuditEvent, type AuditLogRepository, type AuditRow, auditRowOf } from "../repositories/index.ts";

/** Events of one turn are written by several statements at once, of at least so many events each. */
const minBatchSize = 16;
const maxStatements = 4;
/** Events that one statement writes at most. */
const maxBatchSize = 1_000;

/**
 * Records single events. Those of one turn of the event loop, which receives the requests of many connections, share a few
 * statements: while some are written, the service prepares others (`npm run bench`).
 */
export interface EventRecorder {
  /**
   * Records an event. The promise resolves after the commit.
   *
   * @throws {InvalidInputError} for an unknown user
   */
  record(by: Actor, event: AuditEvent): Promise<void>;
}

interface WaitingEvent {
  readonly row: AuditRow;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function createEventRecorder(audit: AuditLogRepository): EventRecorder {
  let waiting: WaitingEvent[] = [];

  const writeWaiting = () => {
    const events = waiting;
    waiting = [];
    const even = Math.ceil(events.length / maxStatements);
    const size = Math.min(Math.max(even, minBatchSize), maxBatchSize);
    for (let start = 0; start < events.length; start += size) void settle(audit, events.slice(start, start + size));
  };

  return {
    record: (by, event) =>
      new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(writeWaiting);
        waiting.push({ row: auditRowOf(by, event), resolve, reject });
      }),
  };
}

/** Writes events, and tells the caller of each how that ended. */
async function settle(audit: AuditLogRepository, events: readonly WaitingEvent[]): Promise<void> {
  try {
    const errors = await writeEvents(
      audit,
      events.map(({ row }) => row),
    );
    for (const { row, resolve, reject } of events) {
      const error = errors.get(row);
      if (error === undefined) resolve();
      else reject(error);
    }
  } catch (error) {
    for (const { reject } of events) reject(error);
  }
}

/** Events for unknown users fail individually; the rest of the batch is written. @returns the errors of those */
async function writeEvents(audit: AuditLogRepository, rows: readonly AuditRow[]): Promise<Map<AuditRow, Error>> {
  try {
    await audit.insert(rows);
    return new Map();
  } catch (error) {
    if (!(error instanceof InvalidInputError) || rows.length === 1) throw error;
    const unknown = await audit.withUnknownUsers(rows);
    const others = rows.filter((row) => !unknown.has(row));
    if (others.length > 0) await audit.insert(others);
    return new Map([...unknown].map((row) => [row, error]));
  }
}
