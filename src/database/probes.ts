import type { Sql } from "postgres";
import { withDeadline } from "../deadline.ts";

/** Raises SQLSTATE 25006 on a standby and for a read-only role. It locks and writes nothing. */
const requireWritable = `do $$ begin
  if pg_is_in_recovery() or current_setting('transaction_read_only')::boolean then
    raise exception 'This server may not be written to.' using errcode = 'read_only_sql_transaction';
  end if;
end $$`;

/** Queries that test the database, each with a deadline of its own (2000 ms by default). */
export function createProbes(client: Sql) {
  async function execute(statement: string, timeout = 2_000): Promise<void> {
    const onTimeout = () => Object.assign(new Error(`no answer within ${timeout} ms`), { code: "ETIMEDOUT" });
    await withDeadline(timeout, client.unsafe(statement), onTimeout);
  }
  return {
    ping: (timeout?: number) => execute("select 1", timeout),
    checkWritable: (timeout?: number) => execute(requireWritable, timeout),
  };
}
