import { expect, it, onTestFinished } from "vitest";
import { constraintMessages } from "../../src/schema/constraints.ts";
import { createDatabase } from "../support/database.ts";

it("each CHECK and unique constraint has a message, and each message has a constraint of the database", async () => {
  const database = await createDatabase();
  onTestFinished(database.drop);
  // Unique indexes that are no primary key, CHECK constraints of tables, and the constraint names that triggers report.
  const rows = await database.sql`
    select relname as name from pg_index join pg_class on pg_class.oid = indexrelid
    where indisunique and not indisprimary and not relispartition and relnamespace = 'public'::regnamespace
    union
    select conname from pg_constraint join pg_class on pg_class.oid = conrelid
    where contype = 'c' and not relispartition and connamespace = 'public'::regnamespace
    union
    select (regexp_matches(prosrc, 'constraint = ''(\\w+)''', 'g'))[1] from pg_proc where pronamespace = 'public'::regnamespace
    order by name`;
  expect(Object.keys(constraintMessages).sort()).toEqual(rows.map(({ name }) => name).sort());
});
