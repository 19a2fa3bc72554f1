import { setTimeout as pause } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { AuditTails } from "../../src/audit/tail/tails.ts";
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
  const { grow, follow, sql } = await tailsForTest();
  await grow(2);
  const reader = follow();
  await reader.next();
  await reader.next();
  const next = reader.next().catch((error: Error) => error.message);
  await pause(300);
  await sql.unsafe("update audit_sequencer set size = 1");
  expect(await next).toContain("The log of the audit trail had 2 rows and has 1");
});
