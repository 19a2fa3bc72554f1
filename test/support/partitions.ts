import type postgres from "postgres";

/**
 * Gives the database the partitions of a service that has not run for long: the last one, without an upper bound, takes
 * the rows since `months` months ago.
 */
export async function endMonths(sql: postgres.Sql, { months }: { months: number }): Promise<void> {
  const bounded = await sql`select relation::text as name from audit_log_bounds() where upper_bound <> 'infinity'`;
  for (const { name } of bounded) await sql.unsafe(`drop table ${name}`);
  await sql`alter table audit_log detach partition partitions.audit_log_beyond`;
  await sql`
    select attach_audit_log_partition('audit_log_beyond', date_trunc('month', now() - make_interval(months => ${months})), 'infinity')`;
}
