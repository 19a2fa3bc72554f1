import { expect, it, onTestFinished } from "vitest";
import { LineSampler } from "../../src/observability/line-sampler.ts";
import { eventually } from "../support/eventually.ts";

/** A sampler with a clock that the test moves, and the lines that it writes: the bucket, the event and `times`. */
function sampled(options: { interval?: number; maxBuckets?: number } = {}) {
  const clock = { time: 0 };
  const lines: [string, number, number][] = [];
  const sampler = new LineSampler({ interval: 60_000, now: () => clock.time, ...options });
  onTestFinished(() => sampler.close());
  let events = 0;
  const write = (bucket: string) => {
    const event = ++events;
    sampler.write(bucket, (times) => lines.push([bucket, event, times]));
  };
  return { clock, lines, sampler, write };
}

it("100,000 events of one bucket in three minutes leave four lines, which tell their number", () => {
  const { clock, lines, sampler, write } = sampled();
  for (let n = 0; n < 100_000; n++) {
    clock.time = n * 1.9;
    write("account");
  }
  expect(lines).toHaveLength(4);
  sampler.close();
  expect(lines.reduce((sum, [, , times]) => sum + times, 0)).toBe(100_000);
  expect(lines[0]).toEqual(["account", 1, 1]);
});

it("a bucket without further events is written once, and its next event after a minute at once", () => {
  const { clock, lines, write } = sampled();
  write("account");
  clock.time = 60_000;
  write("other");
  write("account");
  expect(lines).toEqual([
    ["account", 1, 1],
    ["other", 2, 1],
    ["account", 3, 1],
  ]);
});

it("the last of the events that were counted is written a minute after the line before, and no other", () => {
  const { clock, lines, write } = sampled();
  for (let n = 0; n < 3; n++) write("account");
  clock.time = 59_999;
  write("other");
  expect(lines).toHaveLength(2);
  clock.time = 60_000;
  write("account");
  clock.time = 119_999;
  write("account");
  expect(lines.slice(2)).toEqual([["account", 3, 2]]);
  clock.time = 120_000;
  write("third");
  expect(lines.slice(3)).toEqual([
    ["account", 6, 2],
    ["third", 7, 1],
  ]);
});

it("events that were counted are written without a further event", async () => {
  const { clock, lines, write } = sampled({ interval: 5 });
  write("account");
  write("account");
  expect(lines).toHaveLength(1);
  clock.time = 5;
  await eventually(() =>
    expect(lines).toEqual([
      ["account", 1, 1],
      ["account", 2, 1],
    ]),
  );
});

it("beyond the maximum of buckets the oldest is written and forgotten", () => {
  const { lines, write } = sampled({ maxBuckets: 2 });
  for (const bucket of ["first", "first", "second", "second", "third", "second", "first"]) write(bucket);
  expect(lines).toEqual([
    ["first", 1, 1],
    ["second", 3, 1],
    ["first", 2, 1],
    ["third", 5, 1],
    ["second", 6, 2],
    ["first", 7, 1],
  ]);
});
