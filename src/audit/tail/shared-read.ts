import { codeOf, isTransactionConflict, isUnavailable, sqlstate } from "../../database/index.ts";
import type { AuditLogRepository, LogEntry } from "../../repositories/index.ts";

export type TailFilter = Parameters<AuditLogRepository["readLog"]>[0]["filters"][number];

/** Bytes of one read, whose last row may exceed them. */
export const maxChunkSize = 256 * 1024;

/** Characters of the filters of one statement as JSON: a statement has at most 65,535 values. */
const maxFilterLength = 200_000;

/** Whether it passes by itself: the database is not available, or a transaction has to be repeated. */
export const isTemporary = (error: unknown): boolean => isUnavailable(error) || isTransactionConflict(error);

/** Whether a statement took longer than it may. */
export const isTimeout = (error: unknown): boolean => codeOf(error) === sqlstate.queryCanceled;

export interface SharedRead {
  /** The index after the last row that was read. */
  readonly end: number;
  /** For each filter, by its key, its rows, or why they cannot be read. */
  readonly results: ReadonlyMap<string, readonly LogEntry[] | { readonly error: unknown }>;
}

/**
 * Reads a part of the log for many filters, by one statement if they are not unusually long. A filter that fails, or makes the
 * statement exceed its time, does so alone: the others are read again without it.
 *
 * @param filters by their keys, which are their JSON
 * @throws an error that passes by itself
 */
export async function readForAll(
  audit: AuditLogRepository,
  { start, end: last }: { start: number; end: number },
  filters: ReadonlyMap<string, TailFilter>,
): Promise<SharedRead> {
  const results = new Map<string, readonly LogEntry[] | { readonly error: unknown }>();
  let end = last;
  const read = async (keys: readonly string[]): Promise<void> => {
    try {
      const some = keys.map((key) => filters.get(key) as TailFilter);
      const chunk = await audit.readLog({ start, end, filters: some, maxSize: maxChunkSize });
      end = chunk.end;
      for (const [number, key] of keys.entries())
        results.set(
          key,
          chunk.entries.filter(({ matches }) => matches[number]),
        );
    } catch (error) {
      if (isTemporary(error) && !isTimeout(error)) throw error;
      if (keys.length === 1) for (const key of keys) results.set(key, { error });
      const half = Math.ceil(keys.length / 2);
      if (keys.length > 1) for (const part of [keys.slice(0, half), keys.slice(half)]) await read(part);
    }
  };
  for (const keys of groupsOf([...filters.keys()])) await read(keys);
  return { end, results };
}

/** Groups texts so that none is much longer than `maxFilterLength`. */
function groupsOf(keys: readonly string[]): string[][] {
  const groups: string[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const key of keys) {
    if (length + key.length > maxFilterLength) {
      groups.push([]);
      length = 0;
    }
    groups.at(-1)?.push(key);
    length += key.length;
  }
  return groups;
}
