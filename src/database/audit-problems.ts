import { sql } from "drizzle-orm";
import type { Executor } from "./executor.ts";

/** A condition that prevents changes from being recorded, now or soon. */
export interface AuditProblem {
  readonly problem: string;
  /** Whether every change fails until the problem is solved. */
  readonly blocksWrites: boolean;
}

/** Returns what prevents changes from being recorded: missing partitions, and missing, disabled or skipped triggers. */
export async function findAuditProblems(db: Executor): Promise<AuditProblem[]> {
  const rows = await db.execute(sql`
    select problem, blocks_writes from public.audit_log_problems()
    union all select problem, false from public.audit_order_problems() as problem
    union all select problem, true from public.audit_trail_gaps() as problem
    union all select 'session_replication_role is replica, of the role or the database: no trigger fires', true
    where current_setting('session_replication_role') = 'replica'`);
  return rows.map((row) => ({ problem: String(row["problem"]), blocksWrites: row["blocks_writes"] === true }));
}
