import { setTimeout as pause } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { Job } from "../../src/jobs/job.ts";
import { startScheduler } from "../../src/jobs/scheduler.ts";
import { createDatabase, openPool, quiet, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { readableLog } from "../support/log.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
});
afterAll(() => database.drop());

/** A job of the test's, that runs every 20 ms unless the test says otherwise. */
const jobOf = (name: string, run: Job["run"], options: Partial<Job> = {}): Job => ({
  name,
  interval: 20,
  failureMessage: `${name} failed`,
  run,
  ...options,
});

/** Starts a scheduler with a pool of its own, as another process would have. */
async function schedule(jobs: readonly Job[], log = quiet) {
  const { db } = await openPool(database.url, { DATABASE_POOL_MAX: "1" });
  const scheduler = startScheduler(jobs, { db, log });
  onTestFinished(scheduler.stop);
  return scheduler;
}

it("the scheduler runs every job at the start, in order, and again after its interval", async () => {
  const runs: string[] = [];
  const once = 3_600_000;
  const job = (name: string, interval?: number) =>
    jobOf(name, async () => void runs.push(name), interval === undefined ? {} : { interval });
  await schedule([job("first", once), job("second"), job("third", once)]);
  await eventually(() => expect(runs.length).toBeGreaterThan(5));
  expect(runs.slice(0, 3)).toEqual(["first", "second", "third"]);
  expect(new Set(runs.slice(3))).toEqual(new Set(["second"]));
});

it("the scheduler has one leader per job: two processes never run a job at the same time", async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const job = () =>
    jobOf("exclusive", async ({ tx }) => {
      most = Math.max(most, ++running);
      await tx.execute(sql`select pg_sleep(0.03)`);
      running--;
      runs++;
    });
  const { log, lines } = readableLog();
  await Promise.all([schedule([job()], log), schedule([job()], log)]);
  await eventually(() => expect(runs).toBeGreaterThan(5));
  expect(most).toBe(1);
  await eventually(() => expect(lines).toContainEqual(expect.objectContaining({ job: "exclusive", level: "debug" })));
});

it("the scheduler passes the leadership on when the leader's connection is lost", async () => {
  const runs: string[] = [];
  const job = (process: string, sleep: number) =>
    jobOf("failover", async ({ tx }) => {
      runs.push(process);
      await tx.execute(sql`select pg_sleep(${sleep}), 'failover of ' || ${process}::text`);
    });
  const leader = await schedule([job("one", 600)]);
  await eventually(() => expect(runs).toEqual(["one"]));
  await schedule([job("two", 0)]);
  leader.stop();
  await eventually(async () =>
    expect(
      await database.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event = 'PgSleep'`,
    ).toHaveLength(1),
  );
  await eventually(() => expect(runs).toContain("two"));
});

it("the scheduler logs a job that keeps failing once, and again after it has succeeded in between", async () => {
  const { log, lines } = readableLog("warn");
  let isBroken = true;
  let runs = 0;
  await schedule(
    [
      jobOf("fragile", async ({ tx }) => {
        runs++;
        await tx.execute(isBroken ? sql`select 1 / 0` : sql`select 1`);
      }),
    ],
    log,
  );
  const failures = () => lines.filter(({ msg }) => msg === "fragile failed").length;
  const afterThreeRuns = async () => {
    const before = runs;
    await eventually(() => expect(runs).toBeGreaterThan(before + 3));
  };
  await afterThreeRuns();
  expect(failures()).toBe(1);
  isBroken = false;
  await afterThreeRuns();
  isBroken = true;
  await afterThreeRuns();
  expect(failures()).toBe(2);
});

it("the scheduler logs no error for a job whose function the pending migrations create", async () => {
  const { log, lines } = readableLog();
  await schedule([jobOf("early", ({ tx }) => tx.execute(sql`select no_such_function()`).then(() => {}))], log);
  await eventually(() => expect(lines).toContainEqual(expect.objectContaining({ job: "early" })));
  expect(lines).toEqual(lines.filter(({ level }) => level === "debug" || level === "info"));
});

it("the scheduler starts no run after it was stopped", async () => {
  let runs = 0;
  const scheduler = await schedule([jobOf("stopped", async () => void runs++)]);
  await eventually(() => expect(runs).toBeGreaterThan(1));
  scheduler.stop();
  await pause(50);
  const before = runs;
  await pause(100);
  expect(runs).toBe(before);
});
