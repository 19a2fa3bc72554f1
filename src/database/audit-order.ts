import { sql } from "drizzle-orm";
import type { Executor } from "./executor.ts";

/** A transaction that writes, or is prepared, and keeps rows from getting their index. */
export interface TransactionHolder {
  /** A session, which `pg_terminate_backend(pid)` ends, or a prepared transaction. */
  readonly kind: "session" | "prepared";
  /** The process of a session. */
  readonly pid?: number;
  /** The name of a prepared transaction. */
  readonly gid?: string;
  readonly role: string;
  /** Its database, which need not be the one of the service. */
  readonly database: string;
  /** When it began: ISO 8601. Null without the privileges of pg_read_all_stats. */
  readonly since: string | null;
}

/** How far the rows of the audit trail have their index in its log. */
export interface AuditOrder {
  /** Rows with an index. */
  readonly size: number;
  /** Since when the first row waits for its index: ISO 8601, in UTC. Null if none waits. */
  readonly waitingSince: string | null;
  /** The transaction whose end is awaited, if rows wait. */
  readonly heldBy: TransactionHolder | null;
}

/** @throws {Error} the driver's, if the migrations are pending */
export async function readAuditOrder(db: Executor): Promise<AuditOrder> {
  const [row] = await db.execute(sql`
    select size, to_char(waiting_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as waiting_since, held_by
    from public.audit_log_order()`);
  return {
    size: Number(row?.["size"]),
    waitingSince: (row?.["waiting_since"] ?? null) as string | null,
    heldBy: (row?.["held_by"] ?? null) as TransactionHolder | null,
  };
}
