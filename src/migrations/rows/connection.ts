import type { ReservedSql, Sql, TransactionSql } from "postgres";

export type Connection = Sql | ReservedSql | TransactionSql;

/** Runs `work` in a transaction of its own, or in a savepoint of the caller's, on one connection. */
export async function inSavepoint<T>(sql: Connection, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
  if ("savepoint" in sql) return (await sql.savepoint(work)) as T;
  // A reserved connection has neither function, whatever its type says.
  if ("begin" in sql && typeof sql.begin === "function") return (await sql.begin(work)) as T;

  const started = await sql.unsafe("savepoint work").then(
    () => false,
    async (error) => {
      if (error.code !== "25P01") throw error;
      await sql.unsafe("begin");
      return true;
    },
  );
  try {
    const result = await work(sql as unknown as TransactionSql);
    await sql.unsafe(started ? "commit" : "release savepoint work");
    return result;
  } catch (error) {
    await sql.unsafe(started ? "rollback" : "rollback to savepoint work; release savepoint work");
    throw error;
  }
}

/** What PostgreSQL tells of a statement that it refused. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly constraint: string;
  readonly column: string;
}

/**
 * Runs one statement, of which nothing is left when it is refused; the transaction goes on. By a block
 * with an exception clause, not by a savepoint: postgres.js fails a transaction for any statement that
 * failed in it, and releases no savepoint.
 */
export async function attempt(sql: TransactionSql, statement: string): Promise<Refusal | undefined> {
  let tag = "$attempt$";
  while (statement.includes(tag)) tag = tag.replace("attempt", "another_attempt");
  const results = (await sql.unsafe(`
    select set_config('rows.refusal', '', true);
    do ${tag}
    declare
      attempt_code text; attempt_message text; attempt_constraint text; attempt_column text;
    begin
      ${statement};
    exception when others then
      get stacked diagnostics attempt_code = returned_sqlstate, attempt_message = message_text,
        attempt_constraint = constraint_name, attempt_column = column_name;
      perform set_config('rows.refusal', json_build_object('code', attempt_code, 'message', attempt_message,
        'constraint', attempt_constraint, 'column', attempt_column)::text, true);
    end ${tag};
    select current_setting('rows.refusal') as refusal`)) as unknown as { refusal: string }[][];
  const answer = results.at(-1)?.[0]?.refusal;
  if (!answer) return undefined;
  const refusal = JSON.parse(answer) as Refusal;
  // The database has no room, or somebody else was in the way: no other values would help.
  if (/^(40|53|55P03|58|XX)/.test(refusal.code))
    throw Object.assign(new Error(refusal.message), { code: refusal.code });
  return refusal;
}
