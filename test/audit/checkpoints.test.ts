import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { checkpointText, parseCheckpoint } from "../../src/audit/checkpoint.ts";
import { appendNotes, CheckpointFileError, readLastNote, readNotes } from "../../src/audit/checkpoint-file.ts";
import { findCheckpointFileProblems } from "../../src/audit/checkpoint-file-problems.ts";
import { startCheckpointWriter } from "../../src/audit/checkpoint-writer.ts";
import { LogForkError, readLastCheckpoint, requireSigner, writeCheckpoint } from "../../src/audit/checkpoints.ts";
import { rotateSigningKey } from "../../src/audit/key-rotation.ts";
import { completeSubtrees, inclusionParts, nodeHash, rootOf } from "../../src/audit/merkle.ts";
import {
  createNoteSigner,
  type NoteSigner,
  parseNote,
  parseNoteSigner,
  signNote,
  verifiersOf,
} from "../../src/audit/signed-note.ts";
import { MissingLeafError, readRoots, storeNodes } from "../../src/audit/tree.ts";
import { sequenceAll } from "../support/audit-order.ts";
import { createDatabase, openPool, quiet, repositoriesOn } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { readableLog } from "../support/log.ts";
import { auditSigningKey, clientOf, serviceForTest, serviceToken } from "../support/service.ts";

const origin = "game.example/log";
const signer = createNoteSigner(origin);

async function databaseForTest() {
  const database = await createDatabase();
  onTestFinished(database.drop);
  const { db } = await openPool(database.url);
  const { sql } = database;
  const addRows = async (count: number) => {
    await sql`insert into audit_log (action) select 'n' || n from generate_series(1, ${count}) n`;
    await sequenceAll(sql);
  };
  const write = (options: Partial<Parameters<typeof writeCheckpoint>[1]> = {}) =>
    db.transaction((tx) => writeCheckpoint(tx, { signers: [signer], ...options }));
  return { ...database, db, addRows, write };
}

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-checkpoints-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "checkpoints");
}

const checkpointOf = (note = "") => parseCheckpoint(parseNote(note).text);
const idsOf = (note = "", signers: readonly NoteSigner[] = [signer]) =>
  verifiersOf(
    parseNote(note),
    signers.map(({ verifier }) => verifier),
  ).map(({ id }) => id);

it("a checkpoint has the root of all leaves, and a new one is signed when the log has grown", async () => {
  const { sql, addRows, write } = await databaseForTest();
  expect(await write()).toBeUndefined();
  for (const count of [1, 2, 252, 1, 1, 600]) {
    await addRows(count);
    const note = await write();
    expect(await write()).toBeUndefined();
    const leaves = (await sql`select hash from audit_leaves order by index`).map(({ hash }) => hash as Buffer);
    const root = (start: number, width: number): Uint8Array =>
      width === 1 ? (leaves[start] as Buffer) : nodeHash(root(start, width / 2), root(start + width / 2, width / 2));
    const parts = completeSubtrees(0, leaves.length).map(({ level, index }) => root(index * 2 ** level, 2 ** level));
    expect(checkpointOf(note)).toEqual({ origin, size: leaves.length, root: rootOf(parts) });
    expect(idsOf(note)).toEqual([signer.verifier.id]);
  }
  expect(await sql`select level, index from audit_tree order by index`).toMatchObject([
    { level: 8, index: "0" },
    { level: 8, index: "1" },
    { level: 8, index: "2" },
  ]);
  expect(await sql`select size from audit_checkpoints order by size`).toHaveLength(6);
});

it("roots of any part of a large log come from few hashes, and a missing leaf is an error", async () => {
  const { sql, db } = await databaseForTest();
  const size = 2 ** 16 + 700;
  await sql`insert into audit_leaves (index, id, created_at, hash) select n, gen_random_uuid(), now(), sha256(n::text::bytea) from generate_series(0, ${size - 1}) n`;
  await storeNodes(db, size);
  expect(await sql`select level, count(*)::integer as nodes from audit_tree group by level order by level`).toEqual([
    { level: 8, nodes: 258 },
    { level: 16, nodes: 1 },
  ]);
  const leaf = async (index: number) => (await readRoots(db, [[{ level: 0, index }]]))[0] as Buffer;
  const [root] = await readRoots(db, [completeSubtrees(0, size)]);
  // An inclusion proof leads from a leaf to the root.
  for (const index of [0, 70, 2 ** 15, 2 ** 16 - 1, 2 ** 16, size - 1]) {
    const proof = await readRoots(db, inclusionParts(index, size));
    let [fn, sn, hash] = [index, size - 1, await leaf(index)];
    for (const part of proof) {
      if (fn % 2 === 1 || fn === sn) {
        hash = nodeHash(part, hash) as Buffer;
        while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
      } else hash = nodeHash(hash, part) as Buffer;
      [fn, sn] = [fn >> 1, sn >> 1];
    }
    expect(hash.toString("hex")).toBe(Buffer.from(root ?? []).toString("hex"));
  }
  await expect(readRoots(db, [[{ level: 0, index: size }]])).rejects.toThrow(MissingLeafError);
});

it("nothing is signed if the log lacks a checkpoint that is known: after a restore, or with other rows", async () => {
  const one = await databaseForTest();
  await one.addRows(10);
  await one.write();
  await one.addRows(10);
  const known = [(await one.write()) as string];

  const other = await databaseForTest();
  await other.addRows(10);
  await expect(other.write({ known })).rejects.toThrow(
    /has 10 rows, and a checkpoint of it has 20.*Nothing is signed/s,
  );
  await other.addRows(10);
  await expect(other.write({ known })).rejects.toThrow(/first 20 rows .* are others.*Nothing is signed/s);
  expect(await other.sql`select from audit_checkpoints`).toEqual([]);
  expect(await other.write()).toBeDefined();
});

it("a log is signed by the keys of its origin that have signed it, and by no others", async () => {
  const { db, addRows, write } = await databaseForTest();
  await requireSigner(db, [signer]);
  await addRows(1);
  await write();
  await requireSigner(db, [createNoteSigner(origin), signer]);
  const errors = [
    [[createNoteSigner(origin)], /by the key game.example\/log\+[0-9a-f]{8}, which AUDIT_SIGNING_KEY lacks/],
    [[createNoteSigner("game.example/other")], /has the origin game\.example\/log, and AUDIT_SIGNING_KEY is a key of/],
  ] as const;
  await addRows(1);
  for (const [signers, message] of errors) {
    await expect(requireSigner(db, signers)).rejects.toThrow(message);
    await expect(requireSigner(db, signers)).rejects.toThrow(LogForkError);
    await expect(write({ signers })).rejects.toThrow(message);
  }
});

it("a new key signs after its rotation, whose row names both keys and whose checkpoint both sign", async () => {
  const { db, sql, addRows, write } = await databaseForTest();
  const { audit } = repositoriesOn(db);
  const newer = createNoteSigner(origin);
  const signers = [newer, signer];
  await addRows(1);
  await write();
  await addRows(1);
  expect(idsOf(await write({ signers }), signers)).toEqual([signer.verifier.id]);

  const rotation = await rotateSigningKey({ db, audit }, { signers });
  expect(idsOf(rotation, signers)).toEqual([newer.verifier.id, signer.verifier.id]);
  expect(checkpointOf(rotation).size).toBe(3);
  expect(await sql`select changes, actor from audit_log where action = 'audit.key_rotated'`).toEqual([
    { actor: "system:audit-keys", changes: { key: [signer.verifier.text, newer.verifier.text] } },
  ]);
  // Followed for the retired key, "add it and rotate" would let it sign again.
  const retired = await requireSigner(db, [signer]).catch((error: Error) => error);
  expect(retired).toBeInstanceOf(LogForkError);
  expect(String(retired)).toContain(`was signed by the key ${newer.verifier.text.split("+", 2).join("+")}, which`);
  expect(String(retired)).toContain(
    "a key from before a rotation, set that key in its place. If it has a new one, add",
  );
  expect(await rotateSigningKey({ db, audit }, { signers })).toBeUndefined();
  await addRows(1);
  expect(idsOf(await write({ signers }), signers)).toEqual([newer.verifier.id]);
});

it("checkpoints are appended to the file, also those of another process and after an unfinished one", async () => {
  const { db, addRows, write, sql } = await databaseForTest();
  const file = temporaryFile();
  await addRows(3);
  const first = (await write()) as string;
  writeFileSync(file, `\n${first.slice(0, -20)}`);
  expect(await readLastNote(file, origin)).toBeUndefined();
  await addRows(3);
  const { log, lines } = readableLog("info");
  const writers = await Promise.all(
    [log, quiet].map((each) => startCheckpointWriter({ db, log: each, signers: [signer], file })),
  );
  await eventually(async () => expect(checkpointOf(await readLastNote(file, origin)).size).toBe(6));
  await addRows(1);
  await Promise.all(writers.map(({ stop }) => stop()));
  const last = await readLastNote(file, origin);
  expect(checkpointOf(last).size).toBe(7);
  expect(idsOf(last)).toEqual([signer.verifier.id]);
  expect(await sql`select size::integer from audit_checkpoints order by size`).toEqual([
    { size: 3 },
    { size: 6 },
    { size: 7 },
  ]);
  expect(lines.filter(({ level }) => level === "error")).toEqual([]);
  expect(await readLastNote(file, "game.example/other")).toBeUndefined();
  expect(readFileSync(file, "utf8")).toContain(first);
});

it("a note that a crash has cut anywhere keeps no later one from being read", async () => {
  const note = signNote(checkpointText({ origin, size: 3, root: Buffer.alloc(32) }), [signer]);
  for (let length = 0; length < note.length; length++) {
    const file = temporaryFile();
    writeFileSync(file, note.slice(0, length));
    await appendNotes(file, [note]);
    expect(await readLastNote(file, origin), `cut after ${length}`).toBe(note);
  }
});

it("a process that finds an earlier log than the file has signs nothing, and says so as long as that lasts", async () => {
  const one = await databaseForTest();
  await one.addRows(5);
  const file = temporaryFile();
  await appendNotes(file, [(await one.write()) as string]);
  const restored = await databaseForTest();
  await restored.addRows(4);
  const { log, lines } = readableLog("warn");
  const options = { db: restored.db, log, signers: [signer], file, interval: 20 };
  const writer = await startCheckpointWriter(options);
  await eventually(() => expect(lines).toHaveLength(1));
  const problem = writer.problem();
  expect(problem).toMatch(
    /^no checkpoint of the audit trail is signed since \d{4}-.*Z: The log of the audit trail has 4 rows/,
  );
  expect(problem).toContain("Nothing is signed. `aeturnis-data audit verify --against <AUDIT_CHECKPOINT_FILE>` tells");
  expect(problem).toContain("run `aeturnis-data audit seal --new-origin`.");
  await writer.stop();
  expect(lines).toEqual([expect.objectContaining({ level: "error", problem })]);
  expect(lines[0]).not.toHaveProperty("err");

  const reminding = await startCheckpointWriter({ ...options, reminderInterval: 50 });
  await eventually(() => expect(lines.length).toBeGreaterThan(3));
  await restored.addRows(1);
  await eventually(() =>
    expect(reminding.problem()).toContain("The first 5 rows of the log of the audit trail are others"),
  );
  await reminding.stop();
  expect(await restored.sql`select from audit_checkpoints`).toEqual([]);
});

it("a file that cannot be written stops the start, with its name and the remedy", async () => {
  const { db, url } = await databaseForTest();
  const folder = temporaryFile();
  mkdirSync(folder);
  for (const [file, reason] of [
    [folder, /EISDIR/],
    [join(folder, "none", "checkpoints"), /ENOENT/],
  ] as const) {
    const start = startCheckpointWriter({ db, log: quiet, signers: [signer], file });
    await expect(start).rejects.toThrow(CheckpointFileError);
    await expect(start).rejects.toThrow(`AUDIT_CHECKPOINT_FILE (${file}) cannot be appended to: `);
    await expect(start).rejects.toThrow(reason);
    await expect(start).rejects.toThrow("or set another one.");
    await expect(serviceForTest(url, { env: { AUDIT_CHECKPOINT_FILE: file } })).rejects.toThrow(CheckpointFileError);
  }
});

it("checkpoints are stored while the disk of the file is full, and the file is completed later", async () => {
  const { db, addRows } = await databaseForTest();
  const file = temporaryFile();
  symlinkSync("/dev/full", file);
  const { log, lines } = readableLog("warn");
  await addRows(1);
  const writer = await startCheckpointWriter({ db, log, signers: [signer], file, interval: 20 });
  onTestFinished(writer.stop);
  await eventually(() => expect(lines).toHaveLength(1));
  const problem = writer.problem();
  expect(lines).toMatchObject([{ level: "error", problem }]);
  expect(problem).toMatch(
    /^checkpoints since .*Z are in the database, and AUDIT_CHECKPOINT_FILE gets them later: .*ENOSPC/,
  );
  await addRows(1);
  await eventually(async () => expect(checkpointOf(await readLastCheckpoint(db)).size).toBe(2));
  rmSync(file);
  await eventually(() => expect(writer.problem()).toBeUndefined());
  const { notes } = readNotes(readFileSync(file, "utf8"));
  expect(notes.map((note) => checkpointOf(note).size)).toEqual([1, 2]);
});

it("a file and a database that differ are a problem, and a checkpoint of a moment ago is none", async () => {
  const { db, sql, addRows, write } = await databaseForTest();
  const file = temporaryFile();
  const problems = () => findCheckpointFileProblems(db, file);
  await addRows(3);
  const first = (await write()) as string;
  expect(await problems()).toEqual([]);
  await sql.unsafe(
    "alter table audit_checkpoints disable trigger user; update audit_checkpoints set created_at = now() - interval '2 minutes'",
  );
  expect(await problems()).toEqual([
    expect.stringContaining("lacks checkpoints that the database has, from that for 3"),
  ]);
  await appendNotes(file, [first]);
  expect(await problems()).toEqual([]);
  await addRows(1);
  const second = (await write()) as string;
  await sql`delete from audit_checkpoints where size = 4`;
  await appendNotes(file, [second]);
  expect(await problems()).toEqual([
    expect.stringMatching(/has a checkpoint of game\.example\/log for 4 rows that the database lacks.*--new-origin/s),
  ]);
  rmSync(file);
  mkdirSync(file);
  expect(await problems()).toEqual([expect.stringContaining(`AUDIT_CHECKPOINT_FILE (${file}) cannot be read: EISDIR`)]);
});

it("the readiness probe and health.details warn that nothing is signed, and the service is ready", async () => {
  const one = await databaseForTest();
  await one.addRows(500);
  const file = temporaryFile();
  const signers = [parseNoteSigner(auditSigningKey)];
  await appendNotes(file, [(await one.write({ signers })) as string]);
  const { url } = await databaseForTest();
  const service = await serviceForTest(url, { env: { AUDIT_CHECKPOINT_FILE: file } });
  const audit = [
    expect.stringMatching(/^no checkpoint of the audit trail is signed since .* a checkpoint of it has 500/),
  ];
  await eventually(async () => {
    const response = await fetch(new URL("/readyz", service.url));
    expect([response.status, await response.json()]).toMatchObject([200, { status: "ready", audit }]);
  });
  expect(await clientOf(service.url, serviceToken).health.details.query()).toMatchObject({ ready: true, audit });
});

it("a service signs what it has recorded, at the latest at its stop", async () => {
  const { url, sql, addRows } = await databaseForTest();
  const service = await serviceForTest(url);
  await addRows(1);
  await service.close();
  const notes = await sql`select note from audit_checkpoints order by size desc`;
  expect(checkpointOf(notes[0]?.["note"])).toMatchObject({
    size: 1,
    origin: "test.example/log",
  });
});
