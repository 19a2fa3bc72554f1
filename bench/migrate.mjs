// Compares `migrate up` to `drizzle-kit migrate`, each as a process of its own on an empty database of one server:
// interleaved rounds, medians, their ratio.
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { readJournal } from "../dist/migrator/index.js";
import { median, onServer } from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 15);

await onServer(async (server, folder) => {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  // A minimal configuration: drizzle-kit would need more time to load this project's own.
  const config = join(folder, "drizzle.config.js");
  const settings = `dialect: "postgresql", out: "./drizzle", dbCredentials: { url: process.env.DATABASE_URL }`;
  writeFileSync(config, `module.exports = { ${settings} };`);
  const peers = [
    { name: "drizzle-kit migrate", args: ["node_modules/drizzle-kit/bin.cjs", "migrate", `--config=${config}`] },
    { name: "aeturnis-data migrate up", args: ["dist/bin/aeturnis-data.js", "migrate", "up"] },
  ];

  const measured = peers.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { args }] of peers.entries()) {
      const ms = await onEmptyDatabase({ server, sql }, (url) => timed(args, url));
      // The first round fills the disk cache and is not counted.
      if (round > 0) measured[index].push(ms);
    }
    console.error(
      `round ${round} of ${rounds}: ${measured.map((runs) => Math.round(runs.at(-1) ?? 0)).join(" · ")} ms`,
    );
  }

  const rows = peers.map(({ name }, index) => ({
    name,
    "median (ms)": Math.round(median(measured[index])),
    "min (ms)": Math.round(Math.min(...measured[index])),
    "max (ms)": Math.round(Math.max(...measured[index])),
  }));
  const ratios = measured[1].map((ms, round) => ms / measured[0][round]);
  console.table(rows);
  const range = `${Math.min(...ratios).toFixed(2)} – ${Math.max(...ratios).toFixed(2)}`;
  console.log(`ratio: ${median(ratios).toFixed(2)} of drizzle-kit's time (${range}, ${rounds} rounds)`);
  mkdirSync("bench/results", { recursive: true });
  const result = { at: new Date().toISOString(), cpu: cpus()[0]?.model, rounds, rows, ratio: median(ratios), measured };
  writeFileSync("bench/results/migrate.json", `${JSON.stringify(result, null, 2)}\n`);
  await sql.end();
});

async function onEmptyDatabase({ server, sql }, work) {
  await sql`create database bench_migrate`;
  try {
    const url = new URL(server.url);
    url.pathname = "/bench_migrate";
    const took = await work(url.href);
    await requireMigrated(url.href);
    return took;
  } finally {
    await sql`drop database bench_migrate with (force)`;
  }
}

async function timed(args, url) {
  const started = performance.now();
  await promisify(execFile)(process.execPath, args, { env: { ...process.env, DATABASE_URL: url } });
  return performance.now() - started;
}

/** Verifies that the migrations are applied: a failed migration would appear fast. */
async function requireMigrated(url) {
  const check = postgres(url, { max: 1 });
  const [row] = await check`select count(*)::int as applied from drizzle.__drizzle_migrations`;
  await check.end();
  if (row.applied !== readJournal().length) throw new Error(`${row.applied} migrations were applied`);
}
