import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientOf, type EntryValues, entryOf } from "../../src/audit/entry.ts";
import { leafHash } from "../../src/audit/merkle.ts";
import { sequenceAll } from "../support/audit-order.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let sql: TestDatabase["sql"];
beforeAll(async () => {
  database = await createDatabase();
  ({ sql } = database);
});
afterAll(() => database.drop());

const row: EntryValues = {
  id: "0190a6e0-0000-7000-8000-000000000001",
  createdAt: "2026-11-28T05:00:00.123456Z",
  action: "update",
  actor: "service:game",
  actingId: null,
  subjectId: "0190a6e0-0000-7000-8000-000000000002",
  resourceType: "users",
  resourceId: null,
  requestId: null,
  changes: '{"level": [1, 2]}',
  ipAddress: "203.0.113.7",
  userAgent: 'a "quoted" agent',
};

it("an entry is JSON in the form of RFC 8785 with its members in order, and hides what its commitments commit to", () => {
  const salts = { changes: new Uint8Array(16), client: new Uint8Array(16).fill(1) };
  expect(entryOf(row, salts)).toBe(
    '{"acting_id":null,"action":"update","actor":"service:game",' +
      '"changes":"0dcaa2beaa4298cb3009993ba083d64c3417e9e1c0aa603d9d920a1ee08733a7",' +
      '"client":"c9e6be4f34284dd0dc1ca22744a4b42b03606baef881f2bd7f930f60a2d576a3","created_at":"2026-11-28T05:00:00.123456Z","id":"0190a6e0-0000-7000-8000-000000000001",' +
      '"request_id":null,"resource_id":null,"resource_type":"users",' +
      '"subject_id":"0190a6e0-0000-7000-8000-000000000002","version":"1"}',
  );
  expect(clientOf(row)).toBe('{"ip_address":"203.0.113.7","user_agent":"a \\"quoted\\" agent"}');
  expect(entryOf({ ...row, changes: null, ipAddress: null, userAgent: null }, { changes: null, client: null })).toMatch(
    /"changes":null,"client":null/,
  );
});

/** The values of all rows as PostgreSQL prints them, with their leaves. */
const storedRows = () => sql`
  select encode(hash, 'hex') as hash, changes_salt, client_salt, id::text, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "createdAt",
    action, actor, acting_id::text as "actingId", subject_id::text as "subjectId", resource_type as "resourceType", resource_id as "resourceId",
    request_id as "requestId", changes::text, to_json(ip_address) #>> '{}' as "ipAddress", user_agent as "userAgent"
  from audit_leaves join audit_log using (id, created_at) order by index`;

it("the sequencer hashes the same entry for any values", async () => {
  // PostgreSQL stores no U+0000 and no half of a surrogate pair.
  const anyText = (maxLength: number) =>
    fc
      .string({ unit: "binary", maxLength })
      .map((text) => text.replaceAll("\0", "").slice(0, maxLength).toWellFormed());
  const json = fc.oneof(
    fc.constantFrom(
      '{"n": 12345678901234567890.10, "one": 1.0, "huge": 1e400, "z": "\\u20ac", "a": [null, true]}',
      "{}",
    ),
    fc
      .dictionary(anyText(5), anyText(10))
      .map((value) => JSON.stringify(value))
      .filter((text) => !/__proto__|constructor|prototype|\\ud/i.test(text)),
  );
  const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
  const rows = fc.record({
    action: anyText(50),
    actor: anyText(100),
    acting_id: optional(fc.uuid()),
    subject_id: optional(fc.uuid()),
    resource_type: optional(anyText(50)),
    resource_id: optional(anyText(255)),
    request_id: optional(anyText(64)),
    changes: optional(json),
    ip_address: optional(
      fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("10.0.0.0/8", "2001:db8::/32", "::ffff:1.2.3.4")),
    ),
    user_agent: optional(anyText(300)),
    created_at: fc.constantFrom(
      "2026-11-28 05:00:00.123456+00",
      "2026-11-28 05:00:00+05:45",
      "9999-12-31 23:59:59.999999+00",
      "2027-01-01 00:00:00.1+00",
    ),
  });
  const samples = fc.sample(rows, { numRuns: 300, seed: 7 });
  await sql`
    insert into audit_log (action, actor, acting_id, subject_id, resource_type, resource_id, request_id, changes, ip_address, user_agent, created_at)
    select action, actor, acting_id, subject_id, resource_type, resource_id, request_id, changes::jsonb, ip_address, user_agent, created_at
    from json_to_recordset(${JSON.stringify(samples)}::text::json) as given (action text, actor text, acting_id uuid, subject_id uuid, resource_type text,
      resource_id text, request_id text, changes text, ip_address inet, user_agent text, created_at timestamptz)`;
  await sequenceAll(sql);
  const stored = await storedRows();
  expect(stored).toHaveLength(samples.length);
  for (const { hash, changes_salt, client_salt, ...values } of stored) {
    const row = values as unknown as EntryValues;
    const entry = entryOf(row, { changes: changes_salt, client: client_salt });
    expect(leafHash(entry), entry).toBe(hash);
    expect([changes_salt === null, client_salt === null]).toEqual([row.changes === null, clientOf(row) === null]);
  }
  const salts = stored.flatMap(({ changes_salt, client_salt }) =>
    [changes_salt, client_salt].filter(Boolean).map(String),
  );
  expect(new Set(salts).size).toBe(salts.length);
  expect(salts.length).toBeGreaterThan(300);
});

it("settings of the session that calls the sequencer do not change the hash", async () => {
  await sql.begin(async (tx) => {
    await tx`set local datestyle = 'German'; set local timezone = 'Asia/Kathmandu'; set local bytea_output = 'escape'`.simple();
    await tx`set local standard_conforming_strings = off`;
    await tx`insert into audit_log (action, changes, ip_address) values ('settings', '{"a": 1.10}', '10.1.2.3/8')`;
  });
  const connection = await sql.reserve();
  await connection`set datestyle = 'German'; set timezone = 'Asia/Kathmandu'; set bytea_output = 'escape'; set standard_conforming_strings = off`.simple();
  const waiting = async () =>
    Number((await sql`select (select count(*) from audit_log) - (select count(*) from audit_leaves) as n`)[0]?.["n"]);
  while ((await waiting()) > 0) await connection`select sequence_audit_log()`;
  await connection`reset all`;
  connection.release();
  const { hash, changes_salt, client_salt, ...values } =
    (await storedRows()).find(({ action }) => action === "settings") ?? {};
  expect(leafHash(entryOf(values as never, { changes: changes_salt, client: client_salt }))).toBe(hash);
});
