import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inTransaction } from "../../src/database/transaction.ts";
import { createDatabase, openPool, serviceUser, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ direct: true });
  await database.sql.unsafe(`
    create table counters (id int primary key, value int not null);
    grant all on counters to ${serviceUser()}`);
});
beforeEach(() => database.sql`truncate counters`);
afterAll(() => database.drop());

const values = async () =>
  (await database.sql`select id, value from counters order by id`).map((row) => [row["id"], row["value"]]);

describe("inTransaction", () => {
  it("commits a transaction that resolves and rolls back one that throws", async () => {
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

  it("inTransaction joins the caller's transaction, so that both roll back together", async () => {
    const { db } = await openPool(database.url);
    await expect(
      inTransaction(db, async (outer) => {
        await inTransaction(outer, (tx) => tx.execute(sql`insert into counters values (1, 1)`));
        throw new Error("too late");
      }),
    ).rejects.toThrow("too late");
    expect(await values()).toEqual([]);
  });

  it("inTransaction fails the caller's transaction when a joined one failed, even if the caller catches the error", async () => {
    const { db } = await openPool(database.url);
    const caught = inTransaction(db, async (outer) => {
      await outer.execute(sql`insert into counters values (1, 1)`);
      await inTransaction(outer, (tx) => tx.execute(sql`select 1 / 0`)).catch(() => {});
    });
    await expect(caught).rejects.toThrow();
    expect(await values()).toEqual([]);
  });

  it("inTransaction repeats a whole transaction after a serialization failure", async () => {
    const { db } = await openPool(database.url);
    await database.sql`insert into counters values (1, 0)`;
    let attempts = 0;
    // Every first attempt reads before any of them writes, so that all but one fail.
    let readers = 0;
    let allHaveRead = () => {};
    const firstReads = new Promise<void>((resolve) => (allHaveRead = resolve));
    const increment = () =>
      inTransaction(db, async (tx) => {
        attempts++;
        await tx.execute(sql`set transaction isolation level repeatable read`);
        const [row] = await tx.execute(sql`select value from counters where id = 1`);
        if (++readers === 3) allHaveRead();
        await firstReads;
        await tx.execute(sql`update counters set value = ${Number(row?.["value"]) + 1} where id = 1`);
      });
    await Promise.all([increment(), increment(), increment()]);
    expect(await values()).toEqual([[1, 3]]);
    expect(attempts).toBeGreaterThan(3);
  });

  it("inTransaction repeats the transaction that PostgreSQL cancels in a deadlock", async () => {
    const { db } = await openPool(database.url);
    await database.sql`insert into counters values (1, 0), (2, 0)`;
    // Both transactions lock their first row before either requests its second.
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
    // On a busy machine the repetition may meet the other one again.
    expect(holding).toBeGreaterThanOrEqual(3);
  });

  it("inTransaction gives up after five attempts", async () => {
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
