// Verifying the audit trail beside only reading the same rows, by the same statement, in turn. Rows like those of changes of
// accounts, each with its index, in months up to now; the log is signed.
import { createNoteSigner, sealLog, verifyLog } from "../dist/audit/index.js";
import { planSettings, readEntries } from "../dist/audit/verification/entries.js";
import { median, migrated, onServer } from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const rows = Number(process.env.BENCH_ROWS ?? 300_000);
const signer = createNoteSigner("bench.example/log");

const seconds = { read: [], verify: [] };
let memory = 0;

await onServer(async (server) => {
  const { sql, db, close } = await migrated(server, "verify");
  await sql`
    insert into audit_log (action, actor, acting_id, subject_id, resource_type, resource_id, changes, ip_address, user_agent)
    select 'update', 'user:' || account, account, account, 'users', account::text,
      jsonb_build_object('metadata', jsonb_build_array(jsonb_build_object('level', n), jsonb_build_object('level', n + 1))),
      '203.0.113.7', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0'
    from generate_series(1, ${rows}) n cross join lateral (select md5((n % 10000)::text)::uuid) as one (account)`;
  await sql`vacuum analyze audit_log`;
  const sealing = performance.now();
  await sealLog(db, { signers: [signer] });
  console.error(`sealed ${rows} rows in ${((performance.now() - sealing) / 1_000).toFixed(1)} s`);
  await sql`vacuum analyze audit_leaves`;

  for (let round = 0; round <= rounds; round++) {
    const read = await timed(() =>
      db.transaction(
        async (tx) => {
          await tx.execute(planSettings);
          let count = 0;
          for await (const chunk of readEntries(tx, { start: 0, end: rows })) count += chunk.length;
          if (count !== rows) throw new Error(`${count} rows`);
        },
        { isolationLevel: "repeatable read", accessMode: "read only" },
      ),
    );
    const verify = await timed(async () => {
      const { verdict } = await verifyLog(db, {
        keys: [signer.verifier],
        onProgress: () => {
          memory = Math.max(memory, process.memoryUsage.rss());
        },
      });
      if (verdict !== "intact") throw new Error(verdict);
    });
    // The first round warms up.
    if (round === 0) continue;
    seconds.read.push(read);
    seconds.verify.push(verify);
    console.error(`round ${round} of ${rounds}: ${perSecond(read)} and ${perSecond(verify)} rows/s`);
  }
  await close();
});

const ratios = seconds.read.map((read, round) => read / seconds.verify[round]);
console.log(`${rows} rows, ${rounds} rounds in turn`);
console.table({
  "read only": { "rows/s": perSecond(median(seconds.read)) },
  verify: {
    "rows/s": perSecond(median(seconds.verify)),
    ratio: Number(median(ratios).toFixed(2)),
    "ratios from": Number(Math.min(...ratios).toFixed(2)),
    to: Number(Math.max(...ratios).toFixed(2)),
    "memory (MiB)": Math.round(memory / 2 ** 20),
  },
});

async function timed(work) {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1_000;
}

function perSecond(duration) {
  return Math.round(rows / duration);
}
