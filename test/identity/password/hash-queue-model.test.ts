import fc from "fast-check";
import { expect, it } from "vitest";
import type { HashLane } from "../../../src/identity/password/hash-queue.ts";
import { type ControlledJob, controlledQueue, reactions } from "./controlled-jobs.ts";

/** What the queue should do, in lists of job numbers. */
interface Model {
  readonly running: number[];
  readonly waiting: Record<HashLane, number[]>;
  knownInARow: number;
  readonly begun: number[];
  readonly settled: Map<number, "ended" | "failed" | "hung up">;
}

interface Queue {
  readonly limit: number;
  readonly controlled: ReturnType<typeof controlledQueue>;
  readonly jobs: { job: ControlledJob; caller: AbortController }[];
}

const begin = (model: Model, id: number) => {
  model.running.push(id);
  model.begun.push(id);
};

function finish(model: Model, id: number): void {
  model.running.splice(model.running.indexOf(id), 1);
  const { known, strangers } = model.waiting;
  const lane = strangers.length === 0 || (known.length > 0 && model.knownInARow < 3) ? known : strangers;
  model.knownInARow = lane === known && strangers.length > 0 ? model.knownInARow + 1 : 0;
  const next = lane.shift();
  if (next !== undefined) begin(model, next);
}

async function compare(model: Model, { limit, controlled, jobs }: Queue): Promise<void> {
  await reactions();
  expect(controlled.begun).toEqual(model.begun);
  const active = jobs.filter(({ job }) => job.hasBegun && !model.settled.has(job.id));
  expect(active.length).toBe(model.running.length);
  expect(active.length).toBeLessThanOrEqual(limit);
}

/** The job that a random number selects. */
const pick = (ids: readonly number[], choice: number) => ids[choice % ids.length] as number;

class Submit implements fc.AsyncCommand<Model, Queue> {
  constructor(readonly lane: HashLane) {}
  check = () => true;
  async run(model: Model, queue: Queue) {
    const caller = new AbortController();
    const job = queue.controlled.submit({ lane: this.lane, signal: caller.signal });
    queue.jobs.push({ job, caller });
    if (model.running.length < queue.limit) begin(model, job.id);
    else model.waiting[this.lane].push(job.id);
    await compare(model, queue);
  }
  toString = () => `submit ${this.lane}`;
}

class End implements fc.AsyncCommand<Model, Queue> {
  constructor(
    readonly choice: number,
    readonly outcome: "ended" | "failed",
  ) {}
  check = ({ running }: Readonly<Model>) => running.length > 0;
  async run(model: Model, queue: Queue) {
    const id = pick(model.running, this.choice);
    const { job } = queue.jobs[id] as Queue["jobs"][number];
    if (this.outcome === "ended") job.end();
    else job.fail(new Error("failed"));
    model.settled.set(id, this.outcome);
    finish(model, id);
    await compare(model, queue);
  }
  toString = () => `${this.outcome} ${this.choice}`;
}

class HangUp implements fc.AsyncCommand<Model, Queue> {
  constructor(readonly choice: number) {}
  check = ({ waiting: { known, strangers } }: Readonly<Model>) => known.length + strangers.length > 0;
  async run(model: Model, queue: Queue) {
    const { known, strangers } = model.waiting;
    const id = pick([...known, ...strangers], this.choice);
    for (const lane of [known, strangers]) if (lane.includes(id)) lane.splice(lane.indexOf(id), 1);
    queue.jobs[id]?.caller.abort(new Error("hung up"));
    model.settled.set(id, "hung up");
    await compare(model, queue);
  }
  toString = () => `hang up ${this.choice}`;
}

const commands = fc.commands(
  [
    fc.constantFrom<HashLane>("known", "strangers").map((lane) => new Submit(lane)),
    fc.constantFrom<HashLane>("known", "strangers").map((lane) => new Submit(lane)),
    fc.tuple(fc.nat(), fc.constantFrom("ended" as const, "failed" as const)).map((args) => new End(...args)),
    fc.nat().map((choice) => new HangUp(choice)),
  ],
  { size: "medium" },
);

it("the hash queue keeps its limit and the order of its lanes, and settles every job as its work or its caller does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), commands, async (limit, run) => {
      const controlled = controlledQueue({ limit, maxWait: Number.POSITIVE_INFINITY });
      const real: Queue = { limit, controlled, jobs: [] };
      const model: Model = {
        running: [],
        waiting: { known: [], strangers: [] },
        knownInARow: 0,
        begun: [],
        settled: new Map(),
      };
      await fc.asyncModelRun(() => ({ model, real }), run);
      while (model.running.length > 0) await new End(0, "ended").run(model, real);
      for (const { job } of real.jobs) {
        const outcome = await job.result.then(
          (id) => (id === job.id ? "ended" : `ended as ${id}`),
          (error: Error) => error.message,
        );
        expect(outcome).toBe(model.settled.get(job.id));
      }
    }),
    { numRuns: 60 },
  );
});
