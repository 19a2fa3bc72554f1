import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { startEmbedded } from "../../src/embedded/server.ts";
import { sequenceAll } from "../support/audit-order.ts";
import { quiet } from "../support/database.ts";
import { driver } from "../support/driver.ts";
import { eventually } from "../support/eventually.ts";
import { account, serviceForTest } from "../support/service.ts";

it("a tail has each row once, in order, when the database is killed while rows are written", async () => {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
  // The memory of the machine survives the server.
  const server = await startEmbedded({ folder, log: quiet, settings: { fsync: "off" } });
  onTestFinished(async () => {
    await server.stop();
    for (const path of [folder, server.cluster]) rmSync(path, { recursive: true, force: true });
  });
  const service = await serviceForTest(server.url, { migrate: true });
  const sql = driver(server.url, { max: 4, fetch_types: true });
  const { token } = await account(sql, "admin");

  const received: { index: number; action: string }[] = [];
  const { unsubscribe } = createClient({ url: service.url, token }).audit.tail.subscribe(
    { from: 0 },
    { onData: ({ data: { index, action } }) => void received.push({ index, action }) },
  );
  onTestFinished(unsubscribe);

  const confirmed: string[] = [];
  let isWriting = true;
  onTestFinished(() => {
    isWriting = false;
  });
  const writing = Promise.all(
    Array.from({ length: 4 }, async (_, writer) => {
      for (let number = 0; isWriting; number++) {
        const action = `w${writer}.${number}`;
        const write = sql`insert into audit_log (action) values (${action})`;
        if (await write.then(Boolean, () => false)) confirmed.push(action);
      }
    }),
  );
  for (let kill = 0; kill < 2; kill++) {
    const [seen, written] = [received.length, confirmed.length];
    await eventually(() => expect(received.length).toBeGreaterThan(seen + 50));
    process.kill(Number.parseInt(readFileSync(join(server.cluster, "postmaster.pid"), "utf8"), 10), "SIGKILL");
    // The server is started again by the one who started it.
    await eventually(() => expect(confirmed.length).toBeGreaterThan(written + 200));
  }
  isWriting = false;
  await writing;

  await sequenceAll(sql);
  const log =
    await sql`select index::integer, action from audit_leaves join audit_log using (id, created_at) order by index`;
  await eventually(() => expect(received).toHaveLength(log.length));
  expect(received).toEqual([...log]);
  const actions = new Set(received.map(({ action }) => action));
  expect(confirmed.filter((action) => !actions.has(action))).toEqual([]);
});
