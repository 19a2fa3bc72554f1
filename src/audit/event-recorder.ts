import type { Actor } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import { type AuditEvent, type AuditLogRepository, type AuditRow, auditRowOf } from "../repositories/index.ts";

/** Events of one turn are written by several statements at once. Each has so many events at least, but for the last. */
const minBatchSize = 16;
const maxStatements = 4;
/** Events of a statement that takes no further request. */
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
    for (const batch of batchesOf(events, size)) void settle(audit, batch);
  };

  return {
    record: (by, event) =>
      new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(writeWaiting);
        waiting.push({ row: auditRowOf(by, event), resolve, reject });
      }),
  };
}

/**
 * Batches of `size` events or more. Those of one request stay together, so that they are recorded in the order of its calls:
 * one game server may report them in a tRPC batch.
 */
function* batchesOf(events: readonly WaitingEvent[], size: number): Generator<WaitingEvent[]> {
  const requests = new Map<unknown, WaitingEvent[]>();
  for (const event of events) {
    const key = event.row.requestId ?? event;
    const request = requests.get(key);
    if (request === undefined) requests.set(key, [event]);
    else request.push(event);
  }
  let batch: WaitingEvent[] = [];
  for (const request of requests.values()) {
    batch.push(...request);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
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
