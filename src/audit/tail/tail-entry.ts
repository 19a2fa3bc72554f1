import type { AuditEntry } from "../../repositories/index.ts";

/** A row of the audit trail with its place in the log. */
export interface TailEntry {
  readonly index: number;
  readonly entry: AuditEntry;
}
