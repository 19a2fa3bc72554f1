import type postgres from "postgres";

/** The tables that are partitioned by month. */
const partitioned = ["audit_log", "audit_leaves"];

/**
 * Gives the database the partitions of a service that has not run for long: the last one, without an upper bound, takes
 * the rows since `months` months ago.
 */
export async function endMonths(sql: postgres.Sql, { months }: { months: number }): Promise<void> {
  for (const table of partitioned) {
    const bounded =
      await sql`select relation::text as name from audit_log_bounds(${table}) where upper_bound <> 'infinity'`;
    for (const { name } of bounded) await sql.unsafe(`drop table ${name}`);
    await sql.unsafe(`alter table ${table} detach partition partitions.${table}_beyond`);
    await sql`
      select attach_audit_log_partition(${`${table}_beyond`}, date_trunc('month', now() - make_interval(months => ${months})), 'infinity', ${table})`;
  }
}
