// Reads of a large audit trail beside the same reads of a smaller one, in turn: the first page of the last hour, and the first
// page of the history of an account, which has 100 rows all over the months.
import { readAccountHistory } from "../dist/routers/account-history.js";
import { inTurn, median, migrated, onServer, report } from "./support.mjs";

const few = Number(process.env.BENCH_ROWS ?? 1_000_000);
const many = Number(process.env.BENCH_LARGE ?? 10_000_000);
const rounds = Number(process.env.BENCH_ROUNDS ?? 9);
const reads = 200;
const rowsOfAccount = 100;

await onServer(async (server) => {
  const trails = {};
  for (const [name, rows, months] of [
    ["small", few, 24],
    ["large", many, 24],
    ["long", few, 120],
  ]) {
    const started = performance.now();
    trails[name] = await filled(server, { name, rows, months });
    console.error(`${name}: ${rows} rows in ${months} months, ${Math.round((performance.now() - started) / 1_000)} s`);
  }
  const { small, large, long } = trails;
  await compare("audit-hour", "the last hour of the trail, 50 rows", lastHour, [small, large]);
  await compare("audit-history", "the history of an account, 50 rows", history, [small, large]);
  await compare("audit-history-months", "the history of an account, 50 rows", history, [small, long]);
  for (const { close } of Object.values(trails)) await close();
});

async function compare(file, title, read, trails) {
  const peers = trails.map((trail) => ({
    name: `${trail.rows} rows, ${trail.months} months`,
    measure: async () => {
      const times = [];
      for (let number = 0; number < reads; number++) {
        const started = performance.now();
        const { items } = await read(trail);
        times.push(performance.now() - started);
        if (items.length !== 50) throw new Error(`${items.length} rows`);
      }
      return median(times);
    },
  }));
  const measured = await inTurn(peers, { rounds, unit: "ms" });
  report(file, title, { peers, measured, unit: "ms", rounds });
}

function lastHour({ audit, hour }) {
  return audit.list({ where: { createdAt: { gte: hour } }, limit: 50 });
}

function history({ audit, rows }) {
  const ownerId = accountOf(Math.floor((Math.random() * rows) / rowsOfAccount));
  return readAccountHistory(audit, { ownerId, limit: 50 }, false);
}

function accountOf(number) {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** A trail whose rows are spread over months up to now. @returns its repository */
async function filled(server, { name, rows, months }) {
  const { sql, repositories, close } = await migrated(server, name);
  await sql`
    select attach_audit_log_partition('audit_log_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month')
    from generate_series(date_trunc('month', now()) - make_interval(months => ${months}), date_trunc('month', now()) - interval '1 month', interval '1 month') as month
    where to_regclass('partitions.audit_log_' || to_char(month, 'YYYY_MM')) is null`;
  await sql`
    insert into audit_log (action, actor, acting_id, subject_id, resource_type, resource_id, changes, ip_address, user_agent, created_at)
    select 'update', 'user:' || account, account, account, 'users', account, '{"metadata": [{"level": 1}, {"level": 2}]}',
      '203.0.113.7', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0',
      now() - (n::float8 / ${rows}) * make_interval(months => ${months})
    from generate_series(1, ${rows}) n
    cross join lateral (
      select ('00000000-0000-4000-8000-' || lpad((n % ${rows / rowsOfAccount})::text, 12, '0'))::uuid
    ) as one (account)`;
  await sql`vacuum analyze audit_log`;
  // The machine has read all of it before, whichever trail was filled last.
  await sql`select count(*) from audit_log where user_agent is null`;
  await sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`;
    await tx`select count(*) from audit_log where subject_id > '00000000-0000-0000-0000-000000000000'`;
  });
  const [row] = await sql`select created_at from audit_log order by created_at desc offset ${100} limit 1`;
  return { rows, months, audit: repositories.audit, hour: new Date(row.created_at), close };
}
