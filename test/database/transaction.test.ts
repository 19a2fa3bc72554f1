import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inTransaction } from "../../src/database/transaction.ts";
import { createDatabase, openPool, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
  await database.sql`create table counters (id int primary key, value int not null)`;
});
beforeEach(() => database.sql`truncate counters`);
afterAll(() => database.drop());

const values = async () =>
  (await database.sql`select id, value from counters order by id`).map((row) => [row["id"], row["value"]]);

describe("a transaction", () => {
  it("commits all of its work, or, when it throws, none", async () => {
    const { db } = await openPool(database.url);
    await inTransaction(db, async (tx) => {
      await tx.execute(sql`insert into counters values (1, 1)`);
      await tx.execute(sql`insert into counters values (2, 2)`);
    });
    await expect(
      inTransaction(db, async (tx) => {
        await tx.execute(sql`insert into counters values (3, 3)`);
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    expect(await values()).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it("joins the caller's: what is inside is undone with what is outside", async () => {
    const { db } = await openPool(database.url);
    await expect(
      inTransaction(db, async (outer) => {
        await inTransaction(outer, (tx) => tx.execute(sql`insert into counters values (1, 1)`));
        throw new Error("too late");
      }),
    ).rejects.toThrow("too late");
    expect(await values()).toEqual([]);
  });

  it("that joined the caller's fails with it: what went wrong inside cannot be shrugged off outside", async () => {
    const { db } = await openPool(database.url);
    const shrugged = inTransaction(db, async (outer) => {
      await outer.execute(sql`insert into counters values (1, 1)`);
      await inTransaction(outer, (tx) => tx.execute(sql`select 1 / 0`)).catch(() => {});
    });
    await expect(shrugged).rejects.toThrow();
    expect(await values()).toEqual([]);
  });

  it("that loses a race to serialize is run again as a whole, until each has counted", async () => {
    const { db } = await openPool(database.url);
    await database.sql`insert into counters values (1, 0)`;
    let attempts = 0;
    const increment = () =>
      inTransaction(db, async (tx) => {
        attempts++;
        await tx.execute(sql`set transaction isolation level repeatable read`);
        const [row] = await tx.execute(sql`select value from counters where id = 1`);
        await tx.execute(sql`update counters set value = ${Number(row?.["value"]) + 1} where id = 1`);
      });
    await Promise.all([increment(), increment(), increment()]);
    expect(await values()).toEqual([[1, 3]]);
    expect(attempts).toBeGreaterThan(3);
  });

  it("that is the victim of a deadlock is run again", async () => {
    const { db } = await openPool(database.url);
    await database.sql`insert into counters values (1, 0), (2, 0)`;
    // Both hold their first row before either asks for its second.
    let holding = 0;
    let bothHold = () => {};
    const held = new Promise<void>((resolve) => (bothHold = resolve));
    const crosswise = (first: number, second: number) =>
      inTransaction(db, async (tx) => {
        await tx.execute(sql`update counters set value = value + 1 where id = ${first}`);
        if (++holding === 2) bothHold();
        await held;
        await tx.execute(sql`update counters set value = value + 1 where id = ${second}`);
      });
    await Promise.all([crosswise(1, 2), crosswise(2, 1)]);
    expect(await values()).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(holding).toBe(3);
  });

  it("is not run again for ever", async () => {
    const { db } = await openPool(database.url);
    let attempts = 0;
    const doomed = inTransaction(db, async (tx) => {
      attempts++;
      await tx.execute(sql`do $$ begin raise exception using errcode = 'serialization_failure'; end $$`);
    });
    await expect(doomed).rejects.toThrow();
    expect(attempts).toBe(5);
  });
});
