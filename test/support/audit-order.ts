import type postgres from "postgres";
import { expect } from "vitest";
import { eventually } from "./eventually.ts";

/** Calls the sequencer until each row of the trail has a leaf. Transactions of other tests hold it back for a moment. */
export function sequenceAll(sql: postgres.Sql): Promise<void> {
  return eventually(async () => {
    await sql`select sequence_audit_log()`;
    expect(await sql`select (select count(*) from audit_log) - (select count(*) from audit_leaves) as waiting`).toEqual(
      [{ waiting: "0" }],
    );
  });
}

/** The actions of the rows of the trail, in the order of the log. Fails unless the indexes are 0, 1, 2, … */
export async function actionsInOrder(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql`
    select index::integer, action from audit_leaves join audit_log using (id, created_at) order by index`;
  expect(rows.map(({ index }) => index)).toEqual(rows.map((_, index) => index));
  const [state] = await sql`select size::integer from audit_sequencer`;
  expect(state).toEqual({ size: rows.length });
  return rows.map(({ action }) => action);
}
