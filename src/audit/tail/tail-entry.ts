import type { AuditEntry, LogEntry } from "../../repositories/index.ts";

/** A row of the audit trail with its place in the log. */
export interface TailEntry {
  readonly index: number;
  readonly entry: AuditEntry;
  /** About the size of the row as JSON (bytes). */
  readonly size: number;
}

export const tailEntryOf = ({ index, entry }: LogEntry): TailEntry => ({
  index,
  entry,
  size: JSON.stringify(entry).length,
});
