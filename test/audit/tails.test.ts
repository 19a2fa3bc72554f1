import { setTimeout as pause } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { AuditTails } from "../../src/audit/tail/tails.ts";
import { sequenceAll } from "../support/audit-order.ts";
import { quiet, repositoriesOn } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { readableLog } from "../support/log.ts";
import { createSignedLog } from "../support/signed-log.ts";

type Options = Partial<Parameters<AuditTails["follow"]>[0]>;

async function tailsForTest(options: Partial<ConstructorParameters<typeof AuditTails>[0]> = {}) {
  const log = await createSignedLog();
  onTestFinished(log.drop);
  const tails = new AuditTails({ audit: repositoriesOn(log.db).audit, log: quiet, limit: 10, ...options });
  const ended = new AbortController();
  onTestFinished(() => {
    ended.abort();
    tails.stop();
  });
  const follow = (more: Options = {}) =>
    tails.follow({ from: { index: 0 }, filter: {}, signal: ended.signal, disconnect: () => {}, ...more });
  return { ...log, tails, follow };
}

it("a reader that is slower than the writers has each row once, and keeps no other reader waiting", async () => {
  const { grow, follow } = await tailsForTest();
  await grow(1);
  const [slow, fast] = [[], []] as [number[], number[]];
  const total = 3_001;
  const reading = [
    (async () => {
      for await (const { index } of follow()) {
        slow.push(index);
        // Falls behind while it is live, and catches up.
        if (index % 500 === 0) await pause(100);
        if (index === total - 1) return;
      }
    })(),
    (async () => {
      for await (const { index } of follow()) if (fast.push(index) === total) return;
    })(),
  ];
  await eventually(() => expect([slow, fast]).toEqual([[0], [0]]));
  for (let round = 0; round < 5; round++) await grow(600);
  await Promise.all(reading);
  const expected = Array.from({ length: total }, (_, index) => index);
  expect(slow).toEqual(expected);
  expect(fast).toEqual(expected);
});

it("tails that begin and end while rows come have each row once", async () => {
  const { grow, follow, tails } = await tailsForTest({ limit: 100 });
  await grow(1);
  let isWriting = true;
  const writing = (async () => {
    while (isWriting) await grow(7);
  })();
  const readOne = async (from: number, rows: number) => {
    const seen: number[] = [];
    for await (const { index } of follow({ from: { index: from } })) if (seen.push(index) === rows) break;
    expect(seen).toEqual(Array.from({ length: rows }, (_, at) => from + at));
  };
  for (let round = 0; round < 15; round++)
    await Promise.all(Array.from({ length: 6 }, (_, at) => readOne(at * round, 10 + 9 * at)));
  isWriting = false;
  await writing;
  expect(tails.count).toBe(0);
});

it("a reader that accepts nothing is disconnected, with a warning", async () => {
  const { lines, log } = readableLog("warn");
  const { grow, follow } = await tailsForTest({ log, maxStall: 300 });
  await grow(2);
  let disconnected = 0;
  const reader = follow({ disconnect: () => void disconnected++ });
  await reader.next();
  await eventually(() => expect(disconnected).toBeGreaterThan(0));
  expect(JSON.stringify(lines)).toContain("has accepted nothing for 0.3 s");
});

it("a log that became shorter ends its tails with an error", async () => {
  const { grow, follow, sql } = await tailsForTest({ maxLag: 100 });
  await grow(2);
  const reader = follow();
  await reader.next();
  await reader.next();
  const next = reader.next().catch((error: Error) => error.message);
  await pause(300);
  await sql.unsafe("update audit_sequencer set size = 1");
  const message = "The log of the audit trail has 1 rows, and the tail is at index 2";
  expect(await next).toContain(message);
  // Nor does one begin after its end, as a reader does that connects again.
  await expect(follow({ from: { index: 2 } }).next()).rejects.toThrow(message);
  expect((await follow({ from: { index: 0 } }).next()).value).toMatchObject({ index: 0 });
});

it("a tail that begins after the end of the log waits for a standby that is behind", async () => {
  const { grow, follow } = await tailsForTest();
  await grow(1);
  const next = follow({ from: { index: 2 } }).next();
  await grow(2);
  expect((await next).value).toMatchObject({ index: 2 });
});

it("any number of filters have their rows, and one that fails ends its own tail only", async () => {
  const { grow, follow } = await tailsForTest({ limit: 200 });
  await grow(1);
  const tailsOf = Array.from({ length: 150 }, (_, number) =>
    follow({ from: { index: 1 }, filter: { action: { in: [`event.n${number + 1}`] } } }).next(),
  );
  // A statement has at most 65,535 values.
  const values = Array.from({ length: 70_000 }, (_, number) => `n${number}`);
  const failed = follow({ from: { index: 1 }, filter: { action: { in: values } } })
    .next()
    .catch((error: Error) => error);
  await pause(300);
  await grow(150);
  const actions = (await Promise.all(tailsOf)).map(({ value }) => value.entry.action);
  expect(actions).toEqual(actions.map((_, number) => `event.n${number + 1}`));
  expect(await failed).toBeInstanceOf(Error);
});

it("a reader is told how far it has come, also by rows that its filter leaves out", async () => {
  const { grow, follow } = await tailsForTest();
  await grow(3);
  const places: number[] = [];
  void follow({ from: { index: 1 }, filter: { action: "none" }, onProgress: (next) => places.push(next) }).next();
  await eventually(() => expect(places).toEqual([1, 3]));
  await grow(700);
  await eventually(() => expect(places.at(-1)).toBe(703));
});

it("large rows are read in chunks of moderate size", async () => {
  const { sql, db } = await tailsForTest();
  await sql`
    insert into audit_log (action, changes)
    select 'large', jsonb_build_object('text', repeat('x', 10000), 'n', n) from generate_series(1, 20) n`;
  await sequenceAll(sql);
  const { audit } = repositoriesOn(db);
  const size = await audit.logSize();
  const indexes: number[] = [];
  const numbers: unknown[] = [];
  let chunks = 0;
  for (let start = 0; start < size; chunks++) {
    const chunk = await audit.readLog({ start, end: size, filters: [{}], maxSize: 35_000 });
    expect(chunk.entries.length).toBeLessThanOrEqual(4);
    indexes.push(...chunk.entries.map(({ index }) => index));
    numbers.push(...chunk.entries.map(({ toEntry }) => toEntry().changes?.["n"]));
    start = chunk.end;
  }
  expect(indexes).toEqual(indexes.map((_, index) => index));
  expect(numbers).toEqual(numbers.map((_, number) => number + 1));
  expect([indexes.length, chunks]).toEqual([size, 5]);
});

it("a player has five tails at most", async () => {
  const { grow, follow } = await tailsForTest();
  await grow(1);
  const readers = Array.from({ length: 5 }, () => follow({ player: "mira" }));
  await Promise.all(readers.map((reader) => reader.next()));
  await expect(follow({ player: "mira" }).next()).rejects.toThrow("The account has 5 tails open");
  await follow({ player: "other" }).next();
  await readers[0]?.return(undefined);
  await follow({ player: "mira" }).next();
});
