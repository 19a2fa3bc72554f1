import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { writeCheckpoint } from "../../src/audit/checkpoints.ts";
import { rotateSigningKey } from "../../src/audit/key-rotation.ts";
import { parsePosition } from "../../src/audit/position.ts";
import { createNoteSigner, signNote } from "../../src/audit/signed-note.ts";
import {
  type LogVerification,
  type LogVerificationOptions,
  verifyLog,
  verifySnapshot,
} from "../../src/audit/verification/verify-log.ts";
import { sequenceAll } from "../support/audit-order.ts";
import { connectTo, repositoriesOn } from "../support/database.ts";
import { account } from "../support/service.ts";
import { createSignedLog } from "../support/signed-log.ts";

/** What a superuser can do. */
const disableTriggers = `
  do $$ declare name regclass; begin
    foreach name in array '{audit_log,audit_leaves,audit_tree,audit_checkpoints}'::regclass[] loop
      execute format('alter table %s disable trigger user', name);
    end loop;
  end $$`;

/** A log of 600 rows with checkpoints for 1, 300 and 599 rows. */
async function logForTest() {
  const log = await createSignedLog();
  const superuser = await connectTo(log.directUrl);
  const notes: string[] = [];
  for (const count of [1, 299, 299]) {
    await log.grow(count);
    notes.push(await log.seal());
  }
  await log.grow(1);
  const keys = [log.signer.verifier];
  return {
    ...log,
    superuser: superuser.db,
    keys,
    notes,
    verify: (options: Partial<LogVerificationOptions> = {}) => verifyLog(log.db, { keys, ...options }),
    async drop() {
      await superuser.close();
      await log.drop();
    },
    tamper: (statements: string) => log.sql.unsafe(`${disableTriggers}; ${statements}`),
  };
}

async function logOfTest() {
  const log = await logForTest();
  onTestFinished(log.drop);
  return log;
}

const found = ({ findings }: LogVerification) => findings.map(({ kind, index }) => [kind, index]);

it("an untouched log is intact, also in parts, and against its checkpoints", async () => {
  const { verify, notes, sql, signer } = await logOfTest();
  const whole = {
    verdict: "intact",
    reason: null,
    size: 600,
    range: { start: 0, end: 600 },
    checkpoint: { origin: "game.example/log", size: 599, key: signer.verifier.text },
    compared: 0,
    unsigned: 1,
    unsealed: { rows: 0, since: null },
    late: { rows: 0, firstIndex: null },
    counts: {},
    findings: [],
  };
  expect(await verify()).toEqual(whole);
  expect(await verify({ against: notes })).toEqual({ ...whole, compared: 3 });
  expect(await verify({ from: { index: 300 }, to: { index: 301 } })).toEqual({
    ...whole,
    range: { start: 256, end: 512 },
  });
  const [row] = await sql`select created_at + interval '1 microsecond' as time from audit_leaves where index = 299`;
  expect((await verify({ from: { time: row?.["time"] } })).range.start).toBeLessThanOrEqual(299);
  expect(await verify({ from: { time: new Date("2100-01-01") } })).toEqual({
    ...whole,
    range: { start: 600, end: 600 },
    verdict: "unknown",
    reason: "The log has no rows between these positions.",
  });
});

/** The key of the row with an index. */
const rowOf = (index: number) => `select id, created_at from audit_leaves where index = ${index}`;

const tamperings: readonly [string, string, readonly (readonly [string, number | null])[]][] = [
  [
    "a value of the changes",
    `update audit_log set changes = '{"n": 1.0}' where (id, created_at) = (${rowOf(299)})`,
    [["changed", 299]],
  ],
  [
    "an address",
    `update audit_log set ip_address = '203.0.113.8' where (id, created_at) = (${rowOf(3)})`,
    [["changed", 3]],
  ],
  [
    "a row that no checkpoint covers yet",
    `update audit_log set actor = 'service:x' where (id, created_at) = (${rowOf(599)})`,
    [["changed", 599]],
  ],
  [
    "who acted",
    `update audit_log set acting_id = gen_random_uuid() where (id, created_at) = (${rowOf(4)})`,
    [["changed", 4]],
  ],
  ["changes erased", `update audit_log set changes = null where (id, created_at) = (${rowOf(5)})`, [["changed", 5]]],
  [
    "the contents of two rows swapped",
    `create temp table pair as select index, entry.* from audit_log as entry join audit_leaves using (id, created_at) where index in (6, 7);
     update audit_log set action = pair.action, changes = pair.changes from pair where pair.index = 7 and (audit_log.id, audit_log.created_at) = (${rowOf(6)});
     update audit_log set action = pair.action, changes = pair.changes from pair where pair.index = 6 and (audit_log.id, audit_log.created_at) = (${rowOf(7)})`,
    [
      ["changed", 6],
      ["changed", 7],
    ],
  ],
  ["a row removed", `delete from audit_log where (id, created_at) = (${rowOf(10)})`, [["removed", 10]]],
  [
    "a row and its leaf removed",
    `delete from audit_log where (id, created_at) = (${rowOf(10)}); delete from audit_leaves where index = 10`,
    [["removed", 10]],
  ],
  [
    "a leaf removed",
    "delete from audit_leaves where index = 10",
    [
      ["removed", 10],
      ["added", null],
    ],
  ],
  [
    "a row re-dated",
    `update audit_log set created_at = created_at - interval '2 days' where (id, created_at) = (${rowOf(11)})`,
    [["moved", 11]],
  ],
  [
    "a row dated into infinity",
    `alter table audit_log drop constraint audit_log_times_check; update audit_log set created_at = 'infinity' where (id, created_at) = (${rowOf(11)})`,
    [["moved", 11]],
  ],
  [
    "a row and its leaf re-dated",
    `update audit_log set created_at = created_at - interval '2 days' where (id, created_at) = (${rowOf(12)}); update audit_leaves set created_at = created_at - interval '2 days' where index = 12`,
    [["changed", 12]],
  ],
  [
    "a row added that looks as if it had been taken",
    "insert into audit_log (action, created_at, xid, sequence) values ('event.added', now() - interval '1 hour', '4', 1)",
    [["added", null]],
  ],
  [
    "a row added without a transaction",
    "alter table audit_log drop constraint audit_log_order_check; insert into audit_log (action, xid, sequence) values ('event.added', null, null)",
    [["added", null]],
  ],
  [
    "a row added with a transaction to come",
    "insert into audit_log (action, xid) values ('event.added', '9000000000')",
    [["added", null]],
  ],
  [
    "a copy of a row with another time",
    `insert into audit_log (id, action, created_at, xid, sequence) select id, action, created_at - interval '1 hour', xid, sequence from audit_log where (id, created_at) = (${rowOf(13)})`,
    [["added", null]],
  ],
  [
    "a bit of a leaf",
    "update audit_leaves set hash = set_bit(hash, 77, 1 - get_bit(hash, 77)) where index = 20",
    [
      ["tree", 0],
      ["changed", 20],
    ],
  ],
  ["a salt", "update audit_leaves set client_salt = substring(sha256('x') for 16) where index = 21", [["changed", 21]]],
  ["two leaves swapped", "update audit_leaves set index = 22 + 23 - index where index in (22, 23)", [["tree", 0]]],
  [
    "a row changed with its leaf",
    `update audit_log set action = 'event.x' where (id, created_at) = (${rowOf(30)}); update audit_leaves set hash = (select hash from audit_leaves where index = 31) where index = 30`,
    [
      ["tree", 0],
      ["changed", 30],
    ],
  ],
  [
    "the end cut off",
    `delete from audit_log where (id, created_at) in (select id, created_at from audit_leaves where index >= 400); delete from audit_leaves where index >= 400; update audit_sequencer set size = 400`,
    [
      ["tree", 256],
      ["rolled_back", 599],
    ],
  ],
  [
    "leaves at the end removed",
    "delete from audit_leaves where index >= 599",
    [
      ["removed", 599],
      ["added", null],
    ],
  ],
  [
    "a node",
    "update audit_tree set hash = sha256('x') where index = 1",
    [
      ["tree", 256],
      ["forked", 599],
    ],
  ],
  [
    "a node removed",
    "delete from audit_tree where index = 1",
    [
      ["tree", 256],
      ["forked", 599],
    ],
  ],
  [
    "a leaf and its node",
    "update audit_leaves set hash = sha256('x') where index = 40; update audit_tree set hash = sha256('x') where index = 0",
    [
      ["tree", 0],
      ["changed", 40],
      ["forked", 300],
      ["forked", 599],
    ],
  ],
  [
    "the root of a checkpoint",
    "update audit_checkpoints set note = regexp_replace(note, E'\\\\n300\\\\n..', E'\\\\n300\\\\nAA') where size = 300",
    [["checkpoint", 300]],
  ],
  ["the size of a checkpoint", "update audit_checkpoints set size = 301 where size = 300", [["checkpoint", 301]]],
  ["a checkpoint that is none", "update audit_checkpoints set note = 'x' where size = 300", [["checkpoint", 300]]],
  [
    "user_id of another account",
    "set session_replication_role = replica; insert into users (id, email, username, password_hash) values ('0190a6e0-0000-7000-8000-000000000001', 'a@example.com', 'another', '$2b$12$' || repeat('x', 53)); update audit_log set user_id = '0190a6e0-0000-7000-8000-000000000001' where (id, created_at) = (" +
      rowOf(50) +
      "); reset session_replication_role",
    [["reassigned", 50]],
  ],
  ["the sequencer's size", "update audit_sequencer set size = 700", [["removed", 600]]],
  [
    "the sequencer's position",
    "update audit_sequencer set sequence = 9223372036854775807; insert into audit_log (action, xid) select 'event.hidden', xid from audit_sequencer",
    [["added", null]],
  ],
  [
    "a row added with a leaf without an index",
    "alter table audit_leaves alter index drop not null; insert into audit_log (id, action, created_at, xid, sequence) values ('11111111-0000-4000-8000-000000000000', 'event.forged', now(), '4', 1); insert into audit_leaves (index, id, created_at, hash) values (null, '11111111-0000-4000-8000-000000000000', now(), sha256('x'))",
    [
      ["added", null],
      ["added", null],
    ],
  ],
  [
    "a row added with a leaf before the first",
    "alter table audit_leaves drop constraint audit_leaves_index_check; insert into audit_log (id, action, created_at, xid, sequence) values ('11111111-0000-4000-8000-000000000000', 'event.forged', now(), '4', 1); insert into audit_leaves (index, id, created_at, hash) values (-5, '11111111-0000-4000-8000-000000000000', now(), sha256('x'))",
    [
      ["added", null],
      ["added", null],
    ],
  ],
  [
    "a row added at the beginning of a day",
    "insert into audit_log (id, action, created_at, xid, sequence) values ('00000000-0000-0000-0000-000000000000', 'event.forged', date_trunc('day', now()), '4', 1)",
    [["added", null]],
  ],
  [
    "an address behind a function of its own",
    `create function public.concat(inet) returns text language sql immutable as $$select '203.0.113.7'$$; update audit_log set ip_address = '203.0.113.8' where (id, created_at) = (${rowOf(3)})`,
    [["changed", 3]],
  ],
  [
    "changes behind a cast",
    `create function public.printed(jsonb) returns text language sql immutable as $$select '{"n": 3}'$$; create cast (jsonb as text) with function public.printed(jsonb); update audit_log set changes = '{"n": 0}' where (id, created_at) = (${rowOf(3)})`,
    [["changed", 3]],
  ],
  [
    "the end cut off at a checkpoint",
    `delete from audit_log where (id, created_at) in (select id, created_at from audit_leaves where index >= 300); delete from audit_leaves where index >= 300; delete from audit_tree where index > 0; update audit_sequencer set size = 300`,
    [["rolled_back", 599]],
  ],
  [
    "a hash removed",
    "alter table audit_leaves alter hash drop not null; update audit_leaves set hash = null where index = 20",
    [["changed", 20]],
  ],
  [
    "an action removed",
    `alter table audit_log alter action drop not null; update audit_log set action = null where (id, created_at) = (${rowOf(3)})`,
    [["changed", 3]],
  ],
  [
    "a second row for a leaf",
    `alter table audit_log drop constraint audit_log_pkey; insert into audit_log (id, action, created_at, xid, sequence) select id, 'event.other', created_at, xid, sequence from audit_log where (id, created_at) = (${rowOf(60)})`,
    [
      ["changed", 60],
      ["added", 60],
      ["added", null],
    ],
  ],
  [
    "a checkpoint of no log",
    "insert into audit_checkpoints (origin, size, note) values ('x', 9007199254740993, 'x')",
    [["checkpoint", 9007199254740992]],
  ],
  [
    "the sequencer taking rows in",
    "update audit_sequencer set intake_created_at = 'infinity', intake_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'; insert into audit_log (id, action, created_at, xid, sequence) values ('11111111-0000-4000-8000-000000000000', 'event.forged', now(), '4', 1)",
    [["added", null]],
  ],
];

describe("of one log", () => {
  let log: Awaited<ReturnType<typeof logForTest>>;
  beforeAll(async () => {
    log = await logForTest();
  });
  afterAll(() => log.drop());

  it.each(tamperings)("finds %s", async (_, statements, findings) => {
    // The transaction is rolled back, so that the log serves all tests.
    const undone = new Error("rolled back");
    const verified = log.superuser.transaction(async (tx) => {
      for (const statement of [disableTriggers, ...statements.split(/; ?\n?/)]) await tx.execute(sql.raw(statement));
      const result = await verifySnapshot(tx, { keys: log.keys });
      expect(found(result).map(String).sort()).toEqual(findings.map(String).sort());
      expect(result.verdict).toBe("altered");
      throw undone;
    });
    await expect(verified).rejects.toBe(undone);
    expect((await log.verify()).verdict).toBe("intact");
  });
});

it("finds a log that was rolled back or forked only against a checkpoint that was kept elsewhere", async () => {
  const { verify, tamper, notes, grow, seal } = await logOfTest();
  await tamper(`
    delete from audit_log where (id, created_at) in (select id, created_at from audit_leaves where index >= 400);
    delete from audit_leaves where index >= 400; delete from audit_tree where index > 0;
    delete from audit_checkpoints where size > 400; update audit_sequencer set size = 400`);
  expect((await verify()).verdict).toBe("intact");
  expect((await verify({ against: notes.slice(0, 2) })).verdict).toBe("intact");
  const sameRows = expect.stringMatching(/; the first 300 are the same\.$/);
  expect((await verify({ against: notes })).findings).toMatchObject([
    { kind: "rolled_back", index: 599, detail: sameRows },
  ]);
  await grow(100);
  // One of the second history, which tells nothing of the first.
  await seal();
  await grow(200);
  await seal();
  expect((await verify()).verdict).toBe("intact");
  expect((await verify({ against: notes })).findings).toMatchObject([{ kind: "forked", index: 599, detail: sameRows }]);
  expect((await verify({ against: notes.slice(2) })).findings).toMatchObject([
    { detail: "The first 599 rows are others than those of the checkpoint of game.example/log." },
  ]);
  expect(found(await verify({ from: { index: 650 }, against: notes }))).toEqual([["forked", 599]]);
});

it("cannot tell without a checkpoint that a given key has signed", async () => {
  const { verify, notes, db, sql, signer, tamper } = await logOfTest();
  const other = createNoteSigner("game.example/log");
  const id = other.verifier.text.split("+")[1];
  const ownId = signer.verifier.text.split("+")[1];
  expect(await verify({ keys: [other.verifier] })).toMatchObject({
    verdict: "unknown",
    reason: `The last checkpoint is signed by game.example/log+${ownId}, and by none of the given keys.`,
    checkpoint: { key: null },
  });
  await expect(verify({ keys: [other.verifier], against: notes })).rejects.toThrow(
    "The checkpoint of game.example/log for 1 rows is signed by none of the keys of this log. If the key that signed it, " +
      `game.example/log+${ownId}, is an older one, give it too: --key <old key> <new key>.`,
  );
  await expect(verify({ against: ["not a note"] })).rejects.toThrow("A given checkpoint is not a signed note");

  // Only the newest key is known. A row of the log names the one before.
  const { audit } = repositoriesOn(db);
  const rotating = rotateSigningKey({ db, audit }, { signers: [other, signer] });
  expect(await rotating).toContain("game.example/log");
  expect(await verify({ keys: [other.verifier], against: notes })).toMatchObject({ verdict: "intact" });
  await sql`insert into audit_log (action) values ('event.later')`;
  await sequenceAll(sql);
  await db.transaction((tx) => writeCheckpoint(tx, { signers: [other] }));
  expect(await verify()).toMatchObject({
    verdict: "unknown",
    reason: `The last checkpoint is signed by game.example/log+${id}, and by none of the given keys.`,
  });

  await tamper("delete from audit_checkpoints");
  expect(await verify()).toMatchObject({
    verdict: "unknown",
    reason: "The log has no checkpoint: no service has signed it.",
  });
});

it("stored checkpoints of a stranger hide neither the last one of a given key, nor that it is not the last", async () => {
  const { verify, sql, seal, tamper } = await logOfTest();
  const [row] = await sql`select note from audit_checkpoints where size = 599`;
  const [, , root] = String(row?.["note"]).split("\n");
  const [, , wholeRoot] = (await seal()).split("\n");
  await tamper("delete from audit_checkpoints where size = 600");
  const stranger = createNoteSigner("stranger.example/log");
  for (let n = 0; n < 101; n++) {
    const origin = `${n}.${stranger.verifier.name}`;
    await sql`insert into audit_checkpoints ${sql({ origin, size: 599, note: signNote(`${origin}\n599\n${root}\n`, [stranger]) })}`;
  }
  expect((await verify()).verdict).toBe("intact");
  const whole = createNoteSigner("stranger.example/log-2");
  const later = signNote(`stranger.example/log-2\n600\n${wholeRoot}\n`, [whole]);
  await sql`insert into audit_checkpoints ${sql({ origin: "stranger.example/log-2", size: 600, note: later })}`;
  expect(await verify()).toMatchObject({
    verdict: "unknown",
    checkpoint: { origin: "game.example/log", size: 599 },
    reason: expect.stringContaining(
      "A later checkpoint, of stranger.example/log-2 for 600 rows, is signed by stranger",
    ),
  });
});

it("counts rows that wait for their index, and those that come late", async () => {
  const { verify, sql, grow } = await logOfTest();
  await sql.begin(async (tx) => {
    await tx`insert into audit_log (action, created_at) values ('event.old', now() - interval '2 minutes')`;
    await tx`insert into audit_log (action) values ('event.new')`;
  });
  const [first] = await sql`
    select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time from audit_log where action = 'event.old'`;
  const waiting = await verify();
  expect(waiting).toMatchObject({ verdict: "intact", size: 600, unsealed: { rows: 2, since: first?.["time"] } });
  await grow(1);
  expect(await verify()).toMatchObject({
    verdict: "intact",
    size: 603,
    unsealed: { rows: 0 },
    late: { rows: 1, firstIndex: 600 },
  });
});

it("verifies one snapshot while others write, seal and sign", async () => {
  const { verify, sql, seal, grow } = await logOfTest();
  const writing = new AbortController();
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    while (!writing.signal.aborted)
      await sql.begin(async (tx) => {
        for (let row = 0; row < 5; row++) await tx`insert into audit_log (action) values (${`event.w${writer}`})`;
      });
  });
  const sealing = (async () => {
    while (!writing.signal.aborted) {
      await sql`select sequence_audit_log()`;
      await seal();
    }
  })();
  try {
    let size = 600;
    for (let round = 0; round < 12; round++) {
      const result = await verify();
      expect(result.findings).toEqual([]);
      expect(result.verdict).toBe("intact");
      expect(result.size).toBeGreaterThanOrEqual(size);
      ({ size } = result);
    }
    expect(size).toBeGreaterThan(600);
  } finally {
    writing.abort();
    await Promise.all([...writers, sealing]);
  }
  await grow(1);
});

it("refuses a range of more rows than it may verify, and stops when it is told to", async () => {
  const { verify } = await logOfTest();
  await expect(verify({ maxRows: 500 })).rejects.toThrow("The range has 600 rows, and at most 500 are verified here");
  expect((await verify({ maxRows: 500, from: { index: 300 } })).range).toEqual({ start: 256, end: 600 });
  await expect(verify({ signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped");
});

it("finds the end cut off and a forged part with a key of its own, whatever part is verified", async () => {
  const { verify, tamper, sql } = await logOfTest();
  const cut = `
    delete from audit_log where (id, created_at) in (select id, created_at from audit_leaves where index >= 400);
    delete from audit_leaves where index >= 400; delete from audit_tree where index > 0; update audit_sequencer set size = 400`;
  await tamper(cut);
  expect(found(await verify({ to: { index: 256 } }))).toEqual([["rolled_back", 599]]);
  const forger = createNoteSigner("game.example/log");
  await sql`
    insert into audit_log (action, actor, changes) values ('audit.key_rotated', 'service:game', ${sql.json({ key: ["x", forger.verifier.text] })})`;
  await sequenceAll(sql);
  // Not by the service itself: the key counts for nothing.
  await expect(verify({ against: [signNote(`game.example/log\n1\n${"A".repeat(43)}=\n`, [forger])] })).rejects.toThrow(
    "is signed by none of the keys",
  );
});

it("an account that is created again with its id is not the one that acted", async () => {
  const { verify, sql, grow } = await logOfTest();
  const { id } = await account(sql);
  await sql`insert into audit_log (action, user_id, acting_id) values ('event.own', ${id}, ${id})`;
  await grow(1);
  await sql`delete from users where id = ${id}`;
  await sql`
    insert into users (id, email, username, password_hash) values (${id}, 'again@example.com', 'again', ${`$2b$12$${"x".repeat(53)}`})`;
  await grow(1);
  expect((await verify()).findings).toEqual([]);
});

it("cannot tell anything of an empty log, or an empty range, and refuses one that ends before it begins", async () => {
  const { verify, tamper } = await logOfTest();
  expect(await verify({ from: { index: 700 } })).toMatchObject({
    verdict: "unknown",
    reason: expect.stringContaining("no rows"),
  });
  await expect(verify({ from: { index: 5 }, to: { index: 3 } })).rejects.toThrow("from: must not be after `to`.");
  await tamper(
    "delete from audit_log; delete from audit_leaves; delete from audit_tree; delete from audit_checkpoints; delete from audit_sequencer",
  );
  expect(await verify()).toMatchObject({ verdict: "unknown", size: 0 });
});

it("a policy that hides rows from some is an error", async () => {
  const { verify, sql } = await logOfTest();
  await sql.unsafe(
    "alter table audit_log enable row level security; create policy p on audit_log using (action <> 'event.n7')",
  );
  await expect(verify()).rejects.toThrow();
});

it.each([
  "0000-01-01",
  "2026-02-30",
  "2026-11-31T00:00:00Z",
  "9999-12-31T23:00-05:00",
  "2026-11-28T08:00:00.123456Z",
  "2026-11-28T08:00",
  "-1",
  "1e3",
  "",
])("refuses the position %j", (text) => {
  expect(() => parsePosition(text, "from")).toThrow("from: must be an index such as 1200, or a time");
});

it("reads a position as an index, a date or a time", () => {
  expect(parsePosition("1200", "from")).toEqual({ index: 1200 });
  expect(parsePosition("2024-02-29", "from")).toEqual({ time: new Date("2024-02-29T00:00:00Z") });
  expect(parsePosition("2026-11-28T23:30:00.5-02:00", "from")).toEqual({ time: new Date("2026-11-29T01:30:00.500Z") });
});
