// Shared parts of the benchmarks: a server, interleaved rounds, medians, and a file with the results.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { createEventRecorder } from "../dist/audit/index.js";
import { loadConfig } from "../dist/config/index.js";
import { connect } from "../dist/database/index.js";
import { startEmbedded } from "../dist/embedded/index.js";
import { up } from "../dist/migrator/index.js";
import { createLog } from "../dist/observability/index.js";
import { grantServiceRole } from "../dist/privileges/index.js";
import { createRepositories } from "../dist/repositories/index.js";
import { serviceLogin, serviceUrl } from "./service-process.mjs";

const log = createLog({ level: "error" });

/** Runs `work` with an embedded server of its own, with fsync on, and a folder for its files. */
export async function onServer(work) {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-data-bench-"));
  const server = await startEmbedded({ folder, log });
  try {
    await work(server, folder);
  } finally {
    await server.stop();
    // For root, the cluster is outside of the folder.
    rmSync(server.cluster, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Creates an empty database. Returns its URL. */
export async function createDatabase(server, name) {
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  await admin`create database ${admin(name)}`;
  await admin.end();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}

/** Lets the login of services under measurement into a migrated database. */
async function grantLogin(url) {
  const { user, password } = serviceLogin;
  const { db, close } = await connect(
    { ...loadConfig({ DATABASE_POOL_MAX: "1", DATABASE_POOL_MIN: "0" }).database, url },
    { log },
  );
  await grantServiceRole(db, { role: user, create: true, login: true });
  await db.execute(`alter role ${user} password '${password}'`);
  await close();
}

/** An event of the game, and who reports it. */
export const sampleActor = {
  name: "service:bench",
  ipAddress: "127.0.0.1",
  userAgent: "bench",
  requestId: "0123456789",
};
export const sampleEvent = {
  action: "trade.completed",
  resourceType: "trade",
  resourceId: "4711",
  changes: { gold: [10, 20] },
};

let requests = 1_000_000_000;

/** Returns a call of audit.record, each of a request of its own. */
export function recorderOf({ repositories }) {
  const events = createEventRecorder(repositories.audit);
  return () => events.record({ ...sampleActor, requestId: String(requests++) }, sampleEvent);
}

/**
 * Creates and migrates a database of that name. Returns it with the connections of the service, whose login owns nothing, and
 * with plain ones of the owner.
 */
export async function migrated(server, name, { poolMax = 10, statementTimeout } = {}) {
  const url = await createDatabase(server, name);
  const { error } = await up({ target: { url } });
  if (error !== undefined) throw error;
  await grantLogin(url);
  const sql = postgres(url, { max: poolMax, onnotice: () => {}, fetch_types: false });
  const database = await connect(
    {
      ...loadConfig({ DATABASE_POOL_MAX: String(poolMax) }).database,
      url: serviceUrl(url),
      ...(statementTimeout !== undefined && { statementTimeout }),
    },
    { log },
  );
  const repositories = createRepositories(database.db, {
    cursorKeys: [Buffer.from("signs the benchmark's cursors")],
    scanLimit: 100_000,
  });
  return {
    url,
    sql,
    db: database.db,
    repositories,
    close: async () => Promise.all([database.close(), sql.end()]),
  };
}

/** The hash of an unknown password. */
const unknownPassword = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo";

/** Inserts that many users into a new database. Ids increase in the order of the rows, as those of the service do. */
export async function fillUsers(sql, count, { passwordHash = unknownPassword } = {}) {
  await bulkLoad(sql, ["users", "user_security"], async (tx) => {
    await tx`
      insert into users (id, email, username, password_hash, created_at, metadata)
      select uuidv7(), 'player' || n || '@example.com', 'player' || n, ${passwordHash}::text, now() - n * interval '1 second',
        '{"level": 12}'
      from generate_series(1, ${count}) n`;
    await tx`insert into user_security (user_id) select id from users`;
  });
}

/** Inserts a session of each user. */
export async function fillSessions(sql) {
  await bulkLoad(
    sql,
    ["user_sessions"],
    (tx) => tx`
      insert into user_sessions (id, user_id, refresh_token_id, expires_at, factors)
      select uuidv7(), id, gen_random_uuid(), now() + interval '1 day', '{operator}' from users`,
  );
}

/**
 * Inserts rows into empty tables without their triggers, hence without rows in the audit trail. Indexes that belong to no
 * constraint are built afterwards, which takes half of the time.
 */
async function bulkLoad(sql, tables, insert) {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`set local maintenance_work_mem = '256MB'`;
    const indexes = await tx`
      select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
      where indrelid::regclass::text in ${tx(tables)}
        and not exists (select from pg_constraint where conindid = indexrelid)`;
    for (const { name } of indexes) await tx`drop index ${tx(name)}`;
    await insert(tx);
    for (const { definition } of indexes) await tx.unsafe(definition);
  });
  for (const table of tables) await sql`vacuum analyze ${sql(table)}`;
}

/** Runs `work` with that many concurrent callers, each in a loop, for `seconds`. @returns calls per second */
export async function callsPerSecond(work, { callers, seconds }) {
  const end = performance.now() + seconds * 1000;
  let calls = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < end) {
        await work();
        calls++;
      }
    }),
  );
  return (calls / (performance.now() - started)) * 1000;
}

/** Measures the peers alternately, so that a disturbance affects both. The first round is a warm-up. */
export async function inTurn(peers, { rounds, unit }) {
  const measured = peers.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { measure }] of peers.entries()) {
      const figure = await measure();
      if (round > 0) measured[index].push(figure);
    }
    const latest = measured.map((figures) => Math.round((figures.at(-1) ?? 0) * 100) / 100).join(" · ");
    if (round > 0) console.error(`round ${round} of ${rounds}: ${latest} ${unit}`);
  }
  return measured;
}

/**
 * Prints the medians and, for each other peer, the ratios of the last peer to it round by round. Stores them in a file.
 *
 * @param options.peers a peer may have `columns`, which returns more figures to print
 */
export function report(file, title, { peers, measured, unit, rounds, ...details }) {
  const rows = peers.map(({ name, columns }, index) => ({
    name,
    [`median (${unit})`]: rounded(median(measured[index])),
    [`min (${unit})`]: rounded(Math.min(...measured[index])),
    [`max (${unit})`]: rounded(Math.max(...measured[index])),
    ...columns?.(),
  }));
  const comparisons = peers.slice(0, -1).map(({ name }, index) => {
    const ratios = measured.at(-1).map((figure, round) => figure / measured[index][round]);
    return { to: name, ratio: median(ratios), ratios };
  });
  console.log(`\n${title}\n`);
  console.table(rows);
  for (const { to, ratio, ratios } of comparisons) {
    const range = `${Math.min(...ratios).toFixed(2)} – ${Math.max(...ratios).toFixed(2)}`;
    console.log(`ratio to ${to}: ${ratio.toFixed(2)} (${range}, ${rounds} rounds)`);
  }
  console.log();
  save(file, { title, rows, comparisons, ...details });
}

/** Stores figures in a file of `bench/results`, with the time and the machine. */
export function save(file, figures) {
  mkdirSync(new URL("results/", import.meta.url), { recursive: true });
  const result = {
    at: new Date().toISOString(),
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    ...figures,
  };
  writeFileSync(new URL(`results/${file}.json`, import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
}

/** Rounded to hundredths. */
export const rounded = (figure) => Math.round(figure * 100) / 100;

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Waits, in seconds. */
export const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, Math.max(0, seconds) * 1_000));
