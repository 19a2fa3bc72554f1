import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
});
afterAll(() => database.drop());

const folder = join(import.meta.dirname, "snapshots");

const tables = ["user_devices", "user_security", "user_sessions", "users"];

/** The trigger function as PostgreSQL prints it. The fingerprint of the columns is masked: it contains OIDs of types. */
async function definitionOf(recorder: string): Promise<string> {
  const [row] = await database.sql`select pg_get_functiondef(${`public.${recorder}()`}::regprocedure) as definition`;
  return String(row?.["definition"]).replace(/, 0\) = -?\d+ then$/m, ", 0) = <fingerprint> then");
}

it.each(tables)(
  "record_changes_of('%s') generates the trigger function of its snapshot (`vitest -u` updates it)",
  async (table) => {
    const definition = await definitionOf(`record_change_of_${table}`);
    await expect(definition).toMatchFileSnapshot(join(folder, `record-changes-of-${table.replaceAll("_", "-")}.sql`));
  },
);

it("the snapshots cover every table whose changes are recorded", async () => {
  const rows = await database.sql`
    select proname from pg_proc
    where pronamespace = 'public'::regnamespace and starts_with(proname, 'record_change_of_') order by 1`;
  expect(rows.map(({ proname }) => proname)).toEqual(tables.map((table) => `record_change_of_${table}`));
});
