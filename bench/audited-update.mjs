// An update that leaves its row on the audit trail, against the same update where nothing records it: the same
// repository, two databases of one server, one of them without the trigger.
import { callsPerSecond, fillUsers, inTurn, migrated, onServer, report } from "./support.mjs";

const users = 50_000;
const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const seconds = Number(process.env.BENCH_SECONDS ?? 3);
const by = { name: "service:bench", ipAddress: "127.0.0.1", userAgent: "bench", requestId: "0123456789" };

await onServer(async (server) => {
  for (const callers of [1, 32]) {
    const databases = [await migrated(server, `plain_${callers}`), await migrated(server, `audited_${callers}`)];
    const [plain, audited] = databases;
    await plain.sql`alter table users disable trigger record_update`;
    const peers = [];
    for (const [name, { sql, repositories }] of [
      ["update", plain],
      ["audited update", audited],
    ]) {
      await fillUsers(sql, users);
      const ids = (await sql`select id from users order by random() limit 20000`).map(({ id }) => id);
      let n = 0;
      const work = () => repositories.users.update(by, ids[n++ % ids.length], { metadata: { level: n } });
      peers.push({ name, measure: () => callsPerSecond(work, { callers, seconds }) });
    }
    const measured = await inTurn(peers, { rounds, unit: "updates/s" });
    const [{ recorded }] = await audited.sql`select count(*)::int as recorded from audit_log where action = 'update'`;
    const [{ none }] = await plain.sql`select count(*)::int as none from audit_log where action = 'update'`;
    if (recorded === 0 || none !== 0) throw new Error(`recorded ${recorded} and ${none} updates`);
    report(`audited-update-${callers}`, `audited update, ${users} users, ${callers} callers`, {
      peers,
      measured,
      unit: "updates/s",
      rounds,
    });
    for (const { close } of databases) await close();
  }
});
