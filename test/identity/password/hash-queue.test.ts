import { expect, it } from "vitest";
import { TooManyRequestsError } from "../../../src/errors.ts";
import { controlledQueue, reactions } from "./controlled-jobs.ts";

const known = { lane: "known" } as const;
const strangers = { lane: "strangers" } as const;

const refusalOf = (job: { result: Promise<unknown> }): Promise<unknown> =>
  job.result.then(
    () => expect.fail("the job should have been refused"),
    (error: unknown) => error,
  );

it("the hash queue runs as many jobs at once as its limit, and the next when one ends", async () => {
  const { submit, begun } = controlledQueue({ limit: 2 });
  const [first] = [submit(strangers), submit(strangers), submit(strangers)];
  await reactions();
  expect(begun).toEqual([0, 1]);
  first?.end();
  await reactions();
  expect(begun).toEqual([0, 1, 2]);
});

it("the hash queue starts three known callers for each stranger while both wait, each lane in order", async () => {
  const { submit, begun } = controlledQueue({ limit: 1 });
  const lanes = [strangers, strangers, strangers, strangers, known, known, known, known, known, known, known];
  const jobs = lanes.map((lane) => submit(lane));
  for (const _ of jobs) {
    await reactions();
    jobs[begun.at(-1) ?? -1]?.end();
  }
  await Promise.all(jobs.map(({ result }) => result));
  expect(begun).toEqual([0, 4, 5, 6, 1, 7, 8, 9, 2, 10, 3]);
});

it("a job that fails frees its place, and its error reaches its caller", async () => {
  const { submit, begun } = controlledQueue({ limit: 1 });
  const [failing, next] = [submit(strangers), submit(strangers)];
  await reactions();
  failing.fail(new Error("out of memory"));
  expect(await refusalOf(failing)).toEqual(new Error("out of memory"));
  next.end();
  expect(await next.result).toBe(1);
  expect(begun).toEqual([0, 1]);
});

it("work that throws before it returns a promise frees its place", async () => {
  const { queue } = controlledQueue({ limit: 1 });
  const work = () => {
    throw new Error("not a hash");
  };
  await expect(queue.run(work, strangers)).rejects.toThrow("not a hash");
  expect(await queue.run(async () => "next", strangers)).toBe("next");
});

it("a caller who hangs up gives the place in the queue back, and the job never begins", async () => {
  // One job of 50 ms may wait.
  const { submit, begun } = controlledQueue({ limit: 1, maxWait: 50 });
  const running = submit(strangers);
  const caller = new AbortController();
  const waiting = submit({ ...strangers, signal: caller.signal });
  expect(await refusalOf(submit(strangers))).toBeInstanceOf(TooManyRequestsError);
  caller.abort(new Error("hung up"));
  expect(await refusalOf(waiting)).toEqual(new Error("hung up"));
  const next = submit(strangers);
  running.end();
  await reactions();
  expect(begun).toEqual([0, next.id]);
});

it("a caller who has hung up before is refused although there is a place", async () => {
  const { submit, begun } = controlledQueue({ limit: 1 });
  const job = submit({ ...strangers, signal: AbortSignal.abort(new Error("hung up")) });
  expect(await refusalOf(job)).toEqual(new Error("hung up"));
  expect(begun).toEqual([]);
});

it("a job that has begun runs to its end, also if its caller hangs up", async () => {
  const { submit } = controlledQueue({ limit: 1 });
  const caller = new AbortController();
  const job = submit({ ...strangers, signal: caller.signal });
  const next = submit({ ...strangers, signal: caller.signal });
  job.end();
  await job.result;
  await reactions();
  caller.abort(new Error("hung up"));
  next.end();
  expect(await next.result).toBe(next.id);
});

it("the hash queue refuses jobs beyond 2 s of work, by the durations that it has measured", async () => {
  const { submit, clock } = controlledQueue({ limit: 2 });
  // The average approaches 200 ms: ten of them are 1 s of work for each of two places.
  for (let n = 0; n < 200; n++) {
    const job = submit(strangers);
    await reactions();
    clock.time += 200;
    job.end();
    await job.result;
  }
  const jobs = Array.from({ length: 30 }, () => submit(strangers));
  await reactions();
  const refused = await Promise.all(jobs.slice(23).map(refusalOf));
  expect(refused.every((error) => error instanceof TooManyRequestsError)).toBe(true);
  expect(refused[0]).toMatchObject({
    retryAfter: 3,
    message: "Too many passwords are being checked. Try again in 3 s.",
  });
  // Two run and 21 wait: the average is just below 200 ms.
  for (const job of jobs) job.end();
  const settled = await Promise.allSettled(jobs.map(({ result }) => result));
  expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(23);
});

it("a heavy job counts as its weight, in the queue and in the average of durations", async () => {
  const { submit, clock } = controlledQueue({ limit: 1, maxWait: 500 });
  const measured = submit({ ...strangers, weight: 10 });
  await reactions();
  clock.time += 500;
  measured.end();
  await measured.result;
  submit(strangers);
  submit({ ...strangers, weight: 9 });
  submit(strangers);
  expect(await refusalOf(submit(strangers))).toMatchObject({ retryAfter: 1 });
});

it("a known caller displaces the stranger who came last from a full queue, and no other", async () => {
  const { submit, begun } = controlledQueue({ limit: 1, maxWait: 100 });
  const [running, first, last] = [submit(strangers), submit(strangers), submit(strangers)];
  const arrived = submit(known);
  expect(await refusalOf(last)).toBeInstanceOf(TooManyRequestsError);
  running.end();
  arrived.end();
  first.end();
  expect(await Promise.all([running.result, arrived.result, first.result])).toEqual([0, arrived.id, first.id]);
  expect(begun).toEqual([running.id, arrived.id, first.id]);
});

it("four jobs of one known device wait at most, and other devices find room", async () => {
  const { queue, submit } = controlledQueue({ limit: 1 });
  const known = (deviceId: string) => submit({ lane: "known", deviceId });
  const [first, ...waiting] = Array.from({ length: 5 }, () => known("one"));
  await expect(known("one").result).rejects.toThrow(TooManyRequestsError);
  const other = known("other");
  first?.end();
  await reactions();
  const sixth = known("one");
  for (const job of [...waiting, other, sixth]) {
    job.end();
    expect(await job.result).toBe(job.id);
  }
  expect(queue.limit).toBe(1);
});

it("a queue that is full of known callers refuses a further one and displaces no stranger", async () => {
  const { submit } = controlledQueue({ limit: 1, maxWait: 100 });
  const jobs = [submit(known), submit(known), submit(known)];
  expect(await refusalOf(submit(known))).toBeInstanceOf(TooManyRequestsError);
  expect(await refusalOf(submit(strangers))).toBeInstanceOf(TooManyRequestsError);
  for (const job of jobs) job.end();
  expect(await Promise.all(jobs.map(({ result }) => result))).toEqual([0, 1, 2]);
});
