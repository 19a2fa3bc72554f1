// The longest wait of readers and writers while the service makes 12 months of the audit trail, after a year without a
// service: of accounts and of the trail, with 400,000 rows in the last partition. Beside it the longest wait without that.
import { setTimeout } from "node:timers/promises";
import { startJobs } from "../dist/jobs/index.js";
import { createLog } from "../dist/observability/index.js";
import { fillUsers, median, migrated, onServer } from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const rows = Number(process.env.BENCH_ROWS ?? 400_000);
const users = 10_000;
const by = { name: "service:bench" };
const log = createLog({ level: "error" });

const phases = [
  "without making months",
  "while 12 months are made",
  "while a reader of accounts keeps months from being made",
];
const waits = phases.map(() => []);

await onServer(async (server) => {
  for (let round = 1; round <= rounds; round++) {
    const { sql, db, repositories, close } = await migrated(server, `round_${round}`, { poolMax: 16 });
    await fillUsers(sql, users);
    await endMonths(sql);
    const ids = (await sql`select id from users`).map(({ id }) => id);
    const phase = async (index, work) => waits[index].push(await longestWait({ sql, repositories, ids }, work));

    await phase(0, () => setTimeout(3_000));
    await phase(2, async () => {
      const reader = await sql.reserve();
      await reader`begin`;
      await reader`select from users limit 1`;
      const jobs = startJobs({ db, log, auditMonthsAhead: 12 });
      await setTimeout(5_000);
      jobs.stop();
      await reader`rollback`;
      reader.release();
    });
    await phase(1, async () => {
      const jobs = startJobs({ db, log, auditMonthsAhead: 12 });
      while ((await monthsAhead(sql)) < 12) await setTimeout(20);
      jobs.stop();
    });
    await close();
    console.error(`round ${round} of ${rounds}: ${waits.map((of) => Math.round(of.at(-1))).join(" · ")} ms`);
  }
});

console.log(`longest wait of 8 callers for one statement, ${rows} rows in partitions.audit_log_beyond (ms)`);
console.table(
  phases.map((name, index) => ({
    name,
    median: Math.round(median(waits[index])),
    longest: Math.round(Math.max(...waits[index])),
  })),
);

/** Leaves the trail with its last partition alone, which has `rows` rows of the last year. */
async function endMonths(sql) {
  const months = await sql`select relation::text as name from audit_log_bounds() where upper_bound <> 'infinity'`;
  for (const { name } of months) await sql.unsafe(`drop table ${name}`);
  await sql`alter table audit_log detach partition partitions.audit_log_beyond`;
  await sql`
    select attach_audit_log_partition('audit_log_beyond', date_trunc('month', now() - interval '12 months'), 'infinity')`;
  await sql`
    insert into audit_log (action, resource_type, resource_id, changes, actor, created_at)
    select 'update', 'users', n::text, '{"metadata": [{"level": 1}, {"level": 2}]}', 'service:bench', now() - random() * interval '11 months'
    from generate_series(1, ${rows}) n`;
  await sql`vacuum analyze audit_log`;
}

async function monthsAhead(sql) {
  const [runway] = await sql`select months_ahead from audit_log_runway()`;
  return runway.months_ahead;
}

/** The longest time that a statement takes while `work` runs: changes and look-ups of accounts, and reads of the trail (ms). */
async function longestWait({ sql, repositories, ids }, work) {
  let longest = 0;
  let level = 0;
  const controller = new AbortController();
  const one = () => ids[Math.floor(Math.random() * ids.length)];
  const calls = [
    () => repositories.users.update(by, one(), { metadata: { level: level++ } }),
    () => repositories.users.findById(one()),
    () => sql`select id from audit_log where created_at > now() - interval '1 hour' order by created_at desc limit 10`,
    () => sql`insert into audit_log (action) values ('bench.event')`,
  ];
  const callers = [...calls, ...calls].map(async (call) => {
    while (!controller.signal.aborted) {
      const started = performance.now();
      await call();
      longest = Math.max(longest, performance.now() - started);
    }
  });
  await work();
  controller.abort();
  await Promise.all(callers);
  return longest;
}
