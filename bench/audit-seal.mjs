// What it costs to seal the audit trail while events are recorded: audit.record with the sequencer and signed checkpoints beside
// audit.record without them, in turn, each in a database of its own; then how long the rows of the bursts wait for their index,
// and how far sealing lags behind a steady rate.
import { setTimeout } from "node:timers/promises";
import { createNoteSigner, startCheckpointWriter, startSequencer } from "../dist/audit/index.js";
import { createLog } from "../dist/observability/index.js";
import {
  callsPerSecond,
  inTurn,
  migrated,
  onServer,
  recorderOf,
  report,
  sampleActor,
  sampleEvent,
} from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const seconds = Number(process.env.BENCH_SECONDS ?? 3);
const burst = Number(process.env.BENCH_BURST_SECONDS ?? 10);
const rate = Number(process.env.BENCH_RATE ?? 2_000);
const log = createLog({ level: "error" });

await onServer(async (server) => {
  for (const callers of [32, 256]) {
    const plain = await migrated(server, `plain_${callers}`);
    const sealed = await migrated(server, `sealed_${callers}`);
    const stop = await seal(sealed.db);
    const [record, recordSealed] = [recorderOf(plain), recorderOf(sealed)];
    const peers = [
      { name: "audit.record, not sealed", measure: () => callsPerSecond(record, { callers, seconds }) },
      {
        name: "audit.record, sealed",
        measure: async () => {
          const figure = await callsPerSecond(recordSealed, { callers, seconds });
          // The rest would be sealed while the other one is measured.
          await untilSealed(sealed.sql);
          return figure;
        },
      },
    ];
    const measured = await inTurn(peers, { rounds, unit: "rows/s" });
    report(`audit-seal-${callers}`, `audit.record, ${callers} callers`, { peers, measured, unit: "rows/s", rounds });

    const recorded = await callsPerSecond(recordSealed, { callers, seconds: burst });
    const waited = await untilSealed(sealed.sql);
    console.log(
      `a burst of ${burst} s, ${Math.round(recorded)} rows/s: sealed ${(waited / 1_000).toFixed(1)} s after its end`,
    );
    if (callers === 32)
      console.log(`${rate} rows/s for ${burst} s: at most ${Math.round(await longestLag(sealed))} ms behind`);
    await stop();
    await plain.close();
    await sealed.close();
  }
});

/** Seals as a service does. */
async function seal(db) {
  const sequencer = startSequencer({ db, log });
  const checkpoints = await startCheckpointWriter({ db, log, signers: [createNoteSigner("bench.example/log")] });
  return async () => {
    await sequencer.stop();
    await checkpoints.stop();
  };
}

async function waiting(sql) {
  const [row] = await sql`
    select extract(epoch from clock_timestamp() - waiting_since) * 1000 as ms from audit_log_order()`;
  return row.ms === null ? null : Number(row.ms);
}

/** @returns the time until no row waits (ms) */
async function untilSealed(sql) {
  const started = performance.now();
  while ((await waiting(sql)) !== null) await setTimeout(20);
  return performance.now() - started;
}

/** The longest time that a row waits while rows are written at a steady rate (ms). */
async function longestLag({ sql, repositories }) {
  let longest = 0;
  let isWriting = true;
  const watching = (async () => {
    while (isWriting) {
      longest = Math.max(longest, (await waiting(sql)) ?? 0);
      await setTimeout(10);
    }
  })();
  const started = performance.now();
  const batch = 20;
  const pending = [];
  for (let number = 0; number < (rate * burst) / batch; number++) {
    const due = started + (number * batch * 1_000) / rate;
    if (due > performance.now()) await setTimeout(due - performance.now());
    pending.push(repositories.audit.recordMany(sampleActor, Array(batch).fill(sampleEvent)));
  }
  await Promise.all(pending);
  isWriting = false;
  await watching;
  return longest;
}
