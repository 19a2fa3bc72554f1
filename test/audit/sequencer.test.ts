import postgres from "postgres";
import { expect, inject, it, onTestFinished } from "vitest";
import { sequenceRows, startSequencer } from "../../src/audit/sequencer.ts";
import { urlOfDatabase } from "../../src/config/database-url/parse.ts";
import { readAuditOrder } from "../../src/database/audit-order.ts";
import { findAuditProblems } from "../../src/database/audit-problems.ts";
import { driverOptions } from "../../src/database/endpoint.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { actionsInOrder, sequenceAll } from "../support/audit-order.ts";
import { createDatabase, openPool } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { readableLog } from "../support/log.ts";
import { command } from "../support/process.ts";
import { serviceForTest } from "../support/service.ts";

async function databaseForTest() {
  const database = await createDatabase();
  onTestFinished(database.drop);
  return database;
}

/** A connection to the server of the tests that is closed when the test ends. */
function connection(database: string): postgres.Sql {
  const sql = postgres({
    ...driverOptions({ url: urlOfDatabase(inject("serverUrl"), database) }),
    max: 1,
    onnotice() {},
  });
  onTestFinished(() => sql.end({ timeout: 5 }));
  return sql;
}

/** A transaction that stays open until `commit` or `rollback`. */
async function openTransaction(sql: postgres.Sql) {
  const tx = await sql.reserve();
  await tx`begin`;
  const end = async (how: string) => {
    await tx.unsafe(how);
    tx.release();
  };
  return { tx, commit: () => end("commit"), rollback: () => end("rollback") };
}

it("rows get indexes in the order of their transactions, and within one in that of their statements", async () => {
  const { sql } = await databaseForTest();
  const first = await openTransaction(sql);
  await first.tx`insert into audit_log (action) values ('first.1')`;
  const second = await openTransaction(sql);
  await second.tx`insert into audit_log (action) values ('second.1')`;
  await first.tx`insert into audit_log (action) values ('first.2')`;
  await second.commit();
  await sql`insert into audit_log (action) values ('third')`;
  await first.commit();
  await sequenceAll(sql);
  expect(await actionsInOrder(sql)).toEqual(["first.1", "first.2", "second.1", "third"]);
});

it("no row gets an index while a transaction that began to write before it is open, and writers do not wait", async () => {
  const { sql } = await databaseForTest();
  // The rows of an empty trail are taken in.
  await sequenceAll(sql);
  const early = await openTransaction(sql);
  await early.tx`insert into audit_log (action) values ('early')`;
  await sql`insert into audit_log (action) values ('late')`;
  await sql`select sequence_audit_log()`;
  expect(await actionsInOrder(sql)).toEqual([]);
  await early.commit();
  await sequenceAll(sql);
  expect(await actionsInOrder(sql)).toEqual(["early", "late"]);
});

it("rows of savepoints are in their transaction's place, and what was rolled back has none", async () => {
  const { sql } = await databaseForTest();
  await sql.begin(async (tx) => {
    await tx`insert into audit_log (action) values ('a')`;
    await tx.savepoint((inner) => inner`insert into audit_log (action) values ('b')`);
    await tx
      .savepoint(async (inner) => {
        await inner`insert into audit_log (action) values ('undone')`;
        throw new Error("undone");
      })
      .catch(() => {});
    await tx`insert into audit_log (action) values ('c')`;
  });
  await sequenceAll(sql);
  expect(await actionsInOrder(sql)).toEqual(["a", "b", "c"]);
});

it("ten writers commit out of order while a reader follows the index: it sees each row once, and misses none", async () => {
  const { url, sql } = await databaseForTest();
  const { db } = await openPool(url);
  const { log, lines } = readableLog("warn");
  const sequencers = [startSequencer({ db, log }), startSequencer({ db, log })];
  onTestFinished(async () => void (await Promise.all(sequencers.map(({ stop }) => stop()))));
  const name = new URL(url).pathname.slice(1);
  let isWriting = true;
  const committed: string[] = [];
  const writers = Array.from({ length: 10 }, async (_, writer) => {
    const own = connection(name);
    for (let round = 0; round < 25; round++) {
      const actions = Array.from({ length: 1 + ((writer + round) % 4) }, (_, row) => `w${writer}.${round}.${row}`);
      const undone = (writer * 7 + round) % 5 === 0;
      await own
        .begin(async (tx) => {
          for (const action of actions) {
            await tx`insert into audit_log (action) values (${action})`;
            await tx`select pg_sleep(${Math.random() / 100})`;
          }
          if (undone) throw new Error("undone");
        })
        .catch((error) => {
          if (!undone) throw error;
        });
      if (!undone) committed.push(...actions);
    }
  });
  const seen: string[] = [];
  const follow = async () => {
    const own = connection(name);
    let next = 0;
    const read = async () => {
      const rows = await own`
        select index::integer, action from audit_leaves join audit_log using (id, created_at) where index >= ${next} order by index`;
      for (const { index, action } of rows) {
        expect(index).toBe(next++);
        seen.push(action);
      }
    };
    while (isWriting) await read();
    await eventually(async () => {
      await read();
      expect(seen.length).toBe(committed.length);
    });
  };
  const following = follow();
  await Promise.all(writers);
  isWriting = false;
  await following;
  expect([...seen].sort()).toEqual([...committed].sort());
  expect(await actionsInOrder(sql)).toEqual(seen);
  expect(lines).toEqual([]);
});

it("a transaction of many rows is taken in parts of 5,000", async () => {
  const { sql } = await databaseForTest();
  await sequenceAll(sql);
  await sql`insert into audit_log (action) select 'n' || n from generate_series(1, 12000) n`;
  const parts: number[] = [];
  await eventually(async () => {
    const [row] = await sql`select sequence_audit_log() as rows`;
    if (row?.["rows"] > 0) parts.push(row?.["rows"]);
    expect(parts.at(-1)).toBeLessThan(5_000);
  });
  expect(parts).toEqual([5_000, 5_000, 2_000]);
  expect(await actionsInOrder(sql)).toEqual(Array.from({ length: 12_000 }, (_, n) => `n${n + 1}`));
});

it("a sequencer that is killed again and again leaves no gap and gives no index twice", async () => {
  const { url, sql } = await databaseForTest();
  const name = new URL(url).pathname.slice(1);
  const actions = Array.from({ length: 20_000 }, (_, n) => `n${n + 1}`);
  await sql`insert into audit_log (action) select 'n' || n from generate_series(1, 20000) n`;
  const waiting = async () =>
    Number(
      (await sql`select (select count(*) from audit_log) - (select count(*) from audit_leaves) as rows`)[0]?.["rows"],
    );
  let kills = 0;
  // Later each time, so that it is stopped at every point of its work, and at last completes it, also on a slow machine.
  for (let delay = 0; (await waiting()) > 0; delay += 2 + delay / 16) {
    const victim = postgres({
      ...driverOptions({ url: urlOfDatabase(inject("serverUrl"), name) }),
      max: 1,
      onnotice() {},
    });
    const [row] = await victim`select pg_backend_pid() as pid`;
    const work = victim`select sequence_audit_log()`.then(
      () => false,
      () => true,
    );
    await sql`select pg_sleep(${delay / 1_000}), pg_terminate_backend(${row?.["pid"]})`;
    if (await work) kills++;
    await victim.end({ timeout: 1 });
  }
  expect(kills).toBeGreaterThan(3);
  expect(await actionsInOrder(sql)).toEqual(actions);
});

it("rows from before the migration come first, in the order of their times, in parts", async () => {
  const { directUrl, drop, sql } = await createDatabase({ empty: true });
  onTestFinished(drop);
  await up({ target: { url: directUrl }, to: "0008_challenge_sign_ins" });
  await sql`insert into audit_log (action, created_at) select 'old' || n, now() + n * interval '1 millisecond' from generate_series(1, 5100) n order by n desc`;
  const { error } = await up({ target: { url: directUrl } });
  expect(error).toBeUndefined();
  await sql`insert into audit_log (action, created_at) values ('new', now() - interval '1 second')`;
  await sequenceAll(sql);
  expect(await actionsInOrder(sql)).toEqual([...Array.from({ length: 5_100 }, (_, n) => `old${n + 1}`), "new"]);
});

it("on another cluster the rows present are taken in once, and a row of the log says so", async () => {
  const { sql } = await databaseForTest();
  await sql`insert into audit_log (action) values ('sealed before the dump')`;
  await sequenceAll(sql);
  const [state] = await sql`select system_identifier::text as id from audit_sequencer`;
  // As after a restore: ids of transactions are those of the cluster of the dump, and some rows had no index there.
  const [cluster] =
    await sql`update audit_sequencer set system_identifier = 42, xid = '900000000000' returning pg_snapshot_xmin(pg_current_snapshot())::text as xmin`;
  await sql`
    insert into audit_log (action, xid, created_at) values
      ('of a high id', '900000000001', now() - interval '3 s'), ('of a low id', '3', now() - interval '2 s'),
      ('of an id that comes', ${cluster?.["xmin"]}::xid8, now() - interval '1 s')`;
  await sequenceAll(sql);
  await sql`insert into audit_log (action) values ('after the restore')`;
  await sequenceAll(sql);
  const actions = await actionsInOrder(sql);
  expect(actions.slice(0, 3)).toEqual(["sealed before the dump", "of a high id", "of a low id"]);
  expect(actions.slice(3).sort()).toEqual(["after the restore", "audit.cluster_changed", "of an id that comes"]);
  const said = await sql`select actor, changes from audit_log where action = 'audit.cluster_changed'`;
  expect(said).toEqual([{ actor: "system:sequencer", changes: { systemIdentifier: ["42", state?.["id"]] } }]);
  await sql`select sequence_audit_log()`;
  expect(await actionsInOrder(sql)).toEqual(actions);
});

it("rows of another cluster keep their indexes when this one reaches the ids of their transactions", async () => {
  const { sql } = await databaseForTest();
  await sequenceAll(sql);
  await sql`update audit_sequencer set system_identifier = 42`;
  const [row] = await sql`
    insert into audit_log (action, xid)
    select 'of the other cluster', (pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 50)::text::xid8
    returning xid::text`;
  await sequenceAll(sql);
  const reached = async () => {
    const [{ next } = {}] =
      await sql`insert into audit_log (action) values ('of this one') returning pg_current_xact_id()::text as next`;
    return BigInt(next) > BigInt(row?.["xid"]) + 5n;
  };
  while (!(await reached())) await sql`select sequence_audit_log()`;
  await sequenceAll(sql);
  const actions = await actionsInOrder(sql);
  expect(actions.filter((action) => action === "of the other cluster")).toHaveLength(1);
  const [written] = await sql`select count(*)::int as rows from audit_log`;
  expect(actions).toHaveLength(written?.["rows"]);
});

it.each([
  ["open", "a session", (tx: postgres.ReservedSql) => tx`select pg_current_xact_id()`],
  ["prepared", "no session", (tx: postgres.ReservedSql) => tx`prepare transaction 'test_of_the_sequencer'`],
])(
  "a transaction that is %s in another database, of %s, is named, and rows wait for its end",
  async (state, _, hold) => {
    const { url, sql } = await databaseForTest();
    const other = await databaseForTest();
    const { db } = await openPool(url);
    await sequenceAll(sql);
    const { tx, rollback } = await openTransaction(other.sql);
    await tx`insert into audit_log (action) values ('elsewhere')`;
    const [session] = await tx`select pg_backend_pid() as pid, current_user as role, current_database() as database`;
    await hold(tx);
    // Waiting for longer than a minute.
    await sql`update audit_sequencer set moved_at = now() - interval '2 minutes'`;
    await sql`insert into audit_log (action, created_at) values ('waits', now() - interval '2 minutes')`;
    await sql`select sequence_audit_log()`;

    const isPrepared = state === "prepared";
    const { role, database, pid } = session as unknown as { role: string; database: string; pid: number };
    const named = isPrepared ? { kind: "prepared", gid: "test_of_the_sequencer" } : { kind: "session", pid };
    const expected = { size: 0, waitingSince: expect.stringMatching(/Z$/), heldBy: { ...named, role, database } };
    // A transaction of another test may be older, for a moment.
    await eventually(async () => expect(await readAuditOrder(db)).toMatchObject(expected));
    const problem = isPrepared
      ? `transaction 'test_of_the_sequencer' of role ${role} in database ${database} is prepared; commit it or roll it back`
      : `the transaction of pid ${pid} (role ${role}, database ${database}) is open`;
    await eventually(async () =>
      expect(await findAuditProblems(db)).toEqual([{ problem: expect.stringContaining(problem), blocksWrites: false }]),
    );
    const status = await command(["audit", "status"], { DATABASE_URL: url }).ended;
    expect(status).toMatchObject({
      code: 1,
      output: expect.stringContaining(`(role ${role}, database ${database}), open`),
    });

    if (isPrepared) await other.sql`rollback prepared 'test_of_the_sequencer'`;
    await rollback();
    await sequenceAll(sql);
    expect(await actionsInOrder(sql)).toEqual(["waits"]);
    expect(await findAuditProblems(db)).toEqual([]);
  },
);

it("a batch that takes longer than statements may is repeated without the limit", async () => {
  // Behind a pooler the limit is the role's.
  const { url, sql, drop } = await createDatabase({ direct: true });
  onTestFinished(drop);
  const { db } = await openPool(url, { STATEMENT_TIMEOUT_MS: "20" });
  await sequenceAll(sql);
  await sql`insert into audit_log (action, changes) select 'n' || n, jsonb_build_object('text', repeat('x', 1000)) from generate_series(1, 5000) n`;
  await eventually(async () => expect(await sequenceRows(db)).toBe(5_000));
  const limits = await db.execute<{ statement_timeout: string }>("show statement_timeout");
  expect([...limits]).toEqual([{ statement_timeout: "20ms" }]);
  expect(await actionsInOrder(sql)).toHaveLength(5_000);
});

it("a service gives rows their index, and a stop waits for the running statement", async () => {
  const { url, sql } = await databaseForTest();
  const { log, lines } = readableLog("error");
  const service = await serviceForTest(url, { log });
  await sql`insert into audit_log (action) values ('a'), ('b')`;
  await eventually(async () => expect(await actionsInOrder(sql)).toEqual(["a", "b"]));
  await service.close();
  expect(lines).toEqual([]);
});

it("a sequencer that fails says so once, and goes on when it can", async () => {
  const { url, sql } = await databaseForTest();
  const { db } = await openPool(url);
  await sql`alter function sequence_audit_log() rename to renamed`;
  await sql`create function sequence_audit_log() returns integer language plpgsql as $$ begin raise exception 'broken'; end $$`;
  const { log, lines } = readableLog("warn");
  const sequencer = startSequencer({ db, log });
  onTestFinished(sequencer.stop);
  await eventually(() => expect(lines).toHaveLength(1));
  await sql`insert into audit_log (action) values ('a')`;
  await sql`drop function sequence_audit_log()`;
  await sql`alter function renamed() rename to sequence_audit_log`;
  await eventually(async () => expect(await actionsInOrder(sql)).toEqual(["a"]));
  expect(lines).toMatchObject([{ level: "error", msg: expect.stringContaining("wait for their place in its order") }]);
});
