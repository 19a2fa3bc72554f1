// Following the audit trail over HTTP, by tRPC's server-sent events: the rate of one reader that catches up, and the time from
// the commit of a row to its arrival at 50 readers while rows are written at a steady rate. Each reader follows the rows of one
// account of 50, and one of them all rows. Beside it the time until a row has its index, for which every reader waits.
import { request } from "node:http";
import { setTimeout } from "node:timers/promises";
import { createAccessTokens } from "../dist/identity/access-tokens.js";
import { benchSecret, startService } from "./service-process.mjs";
import { median, migrated, onServer } from "./support.mjs";

const readers = Number(process.env.BENCH_READERS ?? 50);
const rate = Number(process.env.BENCH_RATE ?? 2_000);
const seconds = Number(process.env.BENCH_SECONDS ?? 20);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const backlog = 50_000;
/** Rows of one INSERT, as of one request of a game server. */
const batch = 20;

const results = { caughtUp: [], indexed: [], one: [], all: [] };

await onServer(async (server) => {
  const { url, sql, close } = await migrated(server, "tail");
  const token = await administrator(sql);
  const service = await startService(url, { env: { LOG_LEVEL: "error" } });
  for (let round = 1; round <= rounds; round++) {
    const first = await logSize(sql);
    await write(sql, backlog, "backlog");
    while ((await logSize(sql)) < first + backlog) await setTimeout(100);
    const started = performance.now();
    await new Promise((resolve) => {
      let count = 0;
      const stop = follow(service.url, token, { from: first }, () => {
        if (++count < backlog) return;
        stop();
        resolve();
      });
    });
    results.caughtUp.push(backlog / ((performance.now() - started) / 1_000));

    const committed = new Map();
    const delays = { one: [], all: [] };
    const stops = Array.from({ length: readers }, (_, number) => {
      const isAll = number === 0;
      const where = isAll ? {} : { resourceType: "player", resourceId: String(number) };
      return follow(service.url, token, { where }, (row) => {
        const at = committed.get(/"action":"bench\.(\d+)"/.exec(row)?.[1]);
        if (at !== undefined) delays[isAll ? "all" : "one"].push(performance.now() - at);
      });
    });
    await setTimeout(1_000);
    const indexing = watchIndexes(sql, committed);
    await writeSteadily(sql, committed);
    await setTimeout(2_000);
    for (const stop of stops) stop();
    const indexed = await indexing.stop();
    results.indexed.push(indexed);
    results.one.push(delays.one);
    results.all.push(delays.all);
    console.error(
      `round ${round} of ${rounds}: ${Math.round(results.caughtUp.at(-1))} rows/s, median ${Math.round(median(delays.all))} ms`,
    );
    if (delays.all.length < rate * seconds * 0.99) throw new Error(`only ${delays.all.length} rows arrived`);
  }
  await service.stop();
  await close();
});

const row = (name, given) => {
  const all = given.flat().sort((a, b) => a - b);
  const at = (share) => Math.round(all[Math.floor((all.length - 1) * share)]);
  return { name, rows: all.length, "median (ms)": at(0.5), "p99 (ms)": at(0.99), "longest (ms)": at(1) };
};
console.log(`one reader that catches up: ${Math.round(median(results.caughtUp))} rows/s (of ${backlog} rows)`);
console.log(`${rate} rows/s for ${seconds} s, ${readers} readers; from the commit of a row until`);
console.table([
  row("it has its index", results.indexed),
  row("a reader of one account has it", results.one),
  row("a reader of all rows has it", results.all),
]);

/** Calls `onRow` with the text of each event; returns a function that ends the tail. */
function follow(serviceUrl, token, input, onRow) {
  const address = `${serviceUrl}/trpc/audit.tail?input=${encodeURIComponent(JSON.stringify({ json: input }))}`;
  const call = request(address, { headers: { authorization: `Bearer ${token}` } }, (answer) => {
    let rest = "";
    answer.setEncoding("utf8").on("data", (text) => {
      const events = (rest + text).split("\n\n");
      rest = events.pop();
      for (const event of events) if (event.includes('"index":')) onRow(event);
    });
  });
  call.on("error", () => {});
  call.end();
  return () => call.destroy();
}

function write(sql, count, action) {
  return sql`
    insert into audit_log (action, actor, resource_type, resource_id, changes)
    select ${action}, 'service:bench', 'player', (n % ${readers})::text, '{"gold": [10, 20]}' from generate_series(1, ${count}) n`;
}

async function writeSteadily(sql, committed) {
  const started = performance.now();
  const pending = [];
  for (let number = 0; number < (rate * seconds) / batch; number++) {
    const due = started + (number * batch * 1_000) / rate;
    if (due > performance.now()) await setTimeout(due - performance.now());
    pending.push(write(sql, batch, `bench.${number}`).then(() => committed.set(String(number), performance.now())));
  }
  await Promise.all(pending);
}

/** Looks every 20 ms which rows have an index. */
function watchIndexes(sql, committed) {
  let isWatching = true;
  const delays = [];
  const seen = new Set();
  const watch = (async () => {
    let next = await logSize(sql);
    while (isWatching) {
      const size = await logSize(sql);
      const now = performance.now();
      if (size > next) {
        const rows = await sql`
          select action from audit_leaves join audit_log using (id, created_at) where index >= ${next} and index < ${size}`;
        for (const { action } of rows) {
          const number = action.slice("bench.".length);
          if (committed.has(number) && !seen.has(number)) delays.push(now - committed.get(number));
          seen.add(number);
        }
        next = size;
      }
      await setTimeout(20);
    }
  })();
  return {
    stop: async () => {
      isWatching = false;
      await watch;
      return delays;
    },
  };
}

async function logSize(sql) {
  const [row] = await sql`select coalesce(max(size), 0)::integer as size from audit_sequencer`;
  return row.size;
}

/** An administrator with a session. @returns its access token */
async function administrator(sql) {
  const [{ id }] = await sql`
    insert into users (email, username, password_hash, role)
    values ('admin@bench.example', 'benchadmin', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo', 'admin') returning id`;
  const [session] = await sql`
    insert into user_sessions (user_id, refresh_token_id, expires_at, factors)
    values (${id}, gen_random_uuid(), now() + interval '1 day', '{operator}') returning id`;
  return createAccessTokens([benchSecret]).signUser({ userId: id, sessionId: session.id }, 86_400);
}
