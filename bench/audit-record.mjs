// Compares audit.record to one INSERT per request on the same table. audit.record combines the calls of one turn of the
// event loop in one statement. Both answer each caller after its row is committed.
import {
  sampleActor as by,
  callsPerSecond,
  sampleEvent as event,
  inTurn,
  migrated,
  onServer,
  recorderOf,
  report,
} from "./support.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const seconds = Number(process.env.BENCH_SECONDS ?? 3);

await onServer(async (server) => {
  for (const callers of [32, 256]) {
    const one = await migrated(server, `one_${callers}`);
    const gathered = await migrated(server, `gathered_${callers}`);
    const { sql } = one;
    const record = recorderOf(gathered);
    const insert = () => sql`
      insert into audit_log (actor, action, resource_type, resource_id, changes, ip_address, user_agent, request_id)
      values (${by.name}, ${event.action}, ${event.resourceType}, ${event.resourceId}, ${sql.json(event.changes)},
        ${by.ipAddress}, ${by.userAgent}, ${by.requestId})`;
    const peers = [
      { name: "one INSERT a request", measure: () => callsPerSecond(insert, { callers, seconds }) },
      { name: "audit.record", measure: () => callsPerSecond(record, { callers, seconds }) },
    ];
    const measured = await inTurn(peers, { rounds, unit: "rows/s" });
    for (const database of [one, gathered]) {
      const [{ rows }] = await database.sql`select count(*)::int as rows from audit_log`;
      if (rows < 100) throw new Error(`only ${rows} rows were written`);
    }
    report(`audit-record-${callers}`, `audit.record, ${callers} callers`, { peers, measured, unit: "rows/s", rounds });
    await one.close();
    await gathered.close();
  }
});
