// Compares `users import` to COPY of the same file into the same table: interleaved rounds, medians, their ratio.
// It measures both without the audit trail, whose cost is the same for both, and with it.
import { randomBytes } from "node:crypto";
import { createReadStream, mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { importUsers } from "../dist/accounts/index.js";
import { median, migrated, onServer } from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const users = Number(process.env.BENCH_USERS ?? 100_000);

await onServer(async (server, folder) => {
  const { sql, db, repositories, close } = await migrated(server, "import", { statementTimeout: 0 });
  const file = join(folder, "users.csv");
  writeFileSync(file, csv());
  const peers = [
    { name: "copy", run: () => copy(sql, file) },
    {
      name: "users import",
      run: () =>
        importUsers({
          db,
          repositories,
          by: { name: "system:bench" },
          from: { file },
          format: "csv",
          restart: true,
        }),
    },
  ];
  const kinds = [false, true].flatMap((audited) => peers.map((peer) => ({ ...peer, audited, measured: [] })));
  for (let round = 0; round <= rounds; round++) {
    for (const { run, audited, measured } of kinds) {
      await empty(sql, { audited });
      const started = performance.now();
      await run();
      // The first round warms caches.
      if (round > 0) measured.push(performance.now() - started);
      await requireUsers(sql);
    }
    console.error(
      `round ${round} of ${rounds}: ${kinds.map(({ measured }) => Math.round(measured.at(-1) ?? 0)).join(" · ")} ms`,
    );
  }
  await close();

  const perSecond = (ms) => Math.round((users / ms) * 1_000);
  const rows = kinds.map(({ name, audited, measured }) => ({
    name,
    trail: audited ? "yes" : "no",
    "rows/s (median)": perSecond(median(measured)),
    "rows/s (worst)": perSecond(Math.max(...measured)),
    "rows/s (best)": perSecond(Math.min(...measured)),
  }));
  console.table(rows);
  const ratios = [0, 2].map((at) => kinds[at].measured.map((ms, round) => ms / kinds[at + 1].measured[round]));
  for (const [index, words] of ["without the trail", "with it"].entries()) {
    const range = `${Math.min(...ratios[index]).toFixed(2)} – ${Math.max(...ratios[index]).toFixed(2)}`;
    console.log(`ratio ${words}: ${median(ratios[index]).toFixed(2)} of COPY's rows/s (${range}, ${rounds} rounds)`);
  }
  mkdirSync("bench/results", { recursive: true });
  const result = { at: new Date().toISOString(), cpu: cpus()[0]?.model, users, rounds, rows, ratios };
  writeFileSync("bench/results/import.json", `${JSON.stringify(result, null, 2)}\n`);
});

/** Generates users as another system exports them. */
function csv() {
  const base64 = (bytes) => randomBytes(bytes).toString("base64").replace(/=+$/, "");
  const lines = Array.from({ length: users }, (_, index) => {
    const hash = `$argon2id$v=19$m=19456,t=2,p=1$${base64(16)}$${base64(32)}`;
    const metadata = JSON.stringify({ level: index % 60, guild: `guild ${index % 1000}` }).replaceAll('"', '""');
    return `player_${index}@example.com,player_${index},"${hash}","${metadata}"\n`;
  });
  return `email,username,password_hash,metadata\n${lines.join("")}`;
}

async function copy(sql, file) {
  const statement = sql`copy users (email, username, password_hash, metadata) from stdin with (format csv, header)`;
  await pipeline(createReadStream(file), await statement.writable());
}

async function empty(sql, { audited }) {
  await sql.unsafe(`
    -- No trigger fires in this role, so that none refuses the TRUNCATE. The statements are one transaction.
    set local session_replication_role = replica;
    truncate users cascade;
    alter table users ${audited ? "enable" : "disable"} trigger record_insert;
    alter table user_security ${audited ? "enable" : "disable"} trigger record_insert`);
  await sql`checkpoint`;
}

/** Verifies that the import is complete: an import that stops early would appear fast. */
async function requireUsers(sql) {
  const [row] = await sql`select count(*)::int as users from users`;
  if (row.users !== users) throw new Error(`${row.users} users were written`);
}
