import { and, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import { setAuditContext, systemActor } from "../database/index.ts";
import { challenges, rateLimits, userDevices } from "../schema/index.ts";
import type { Job } from "./job.ts";

/** Rows that one statement deletes. A small number keeps row locks short. */
const batchSize = 1_000;

/** Statements that delete the rows of one kind which have expired, and return their number as `deleted`. */
const deletions: readonly SQL[] = [
  sql`select public.delete_expired_sessions(${batchSize}::integer) as deleted`,
  sql`select public.delete_revoked_sessions(batch_size => ${batchSize}::integer) as deleted`,
  deleteExpired(userDevices, [userDevices.userId, userDevices.id]),
  deleteExpired(rateLimits, [rateLimits.bucket, rateLimits.member]),
  deleteExpired(challenges, [challenges.userId, challenges.tokenHash]),
  sql`select public.end_expired_enrolments(${batchSize}::integer) as deleted`,
];

/** Deletes what has expired: sessions, devices, counters, challenges and enrolments. Sessions that were revoked are kept for a month. */
export const expiredRows: Job = {
  name: "expired-rows",
  interval: 10 * 60 * 1000,
  failureMessage: "expired rows could not be deleted; the next run tries again",
  async run({ tx, log, runNext }) {
    await tx.execute(sql`select ${setAuditContext(systemActor("expired-rows"))}`);
    let total = 0;
    let isMore = false;
    for (const deletion of deletions) {
      const [row] = await tx.execute(deletion);
      const deleted = Number(row?.["deleted"]);
      total += deleted;
      isMore ||= deleted >= batchSize;
    }
    if (total > 0) log.debug({ rows: total }, "expired rows deleted");
    // Each run is a transaction of its own, so that many rows are not locked at once.
    if (isMore) runNext([expiredRows]);
  },
};

/** Rows that another transaction holds are left for the next run. */
function deleteExpired(table: PgTable, primaryKey: readonly PgColumn[]): SQL {
  const key = sql.join(
    primaryKey.map(({ name }) => sql.identifier(name)),
    sql`, `,
  );
  const sameKey = primaryKey.map((column) => sql`${column} = expired.${sql.identifier(column.name)}`);
  return sql`
    with expired as (
      select ${key} from ${table} where expires_at <= now() order by expires_at limit ${batchSize}::integer for update skip locked
    ), deleted as (
      delete from ${table} using expired where ${and(...sameKey)} returning 1
    )
    select count(*)::int as deleted from deleted`;
}
