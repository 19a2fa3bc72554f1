import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { parseSignedCheckpoint } from "../../src/audit/checkpoint.ts";
import { readNotes } from "../../src/audit/checkpoint-file.ts";
import { LogForkError, writeCheckpoint } from "../../src/audit/checkpoints.ts";
import { rotateSigningKey } from "../../src/audit/key-rotation.ts";
import { beginNewOrigin } from "../../src/audit/new-origin.ts";
import { sealLog } from "../../src/audit/seal.ts";
import { createNoteSigner } from "../../src/audit/signed-note.ts";
import { verifyLog } from "../../src/audit/verification/verify-log.ts";
import { repositoriesOn } from "../support/database.ts";
import { createSignedLog } from "../support/signed-log.ts";

/** What a restore to the moment with so many rows leaves of the log. */
const restoreTo = (size: number) => `
  alter table audit_log disable trigger user; alter table audit_leaves disable trigger user;
  alter table audit_tree disable trigger user; alter table audit_checkpoints disable trigger user;
  delete from audit_log where (id, created_at) in (select id, created_at from audit_leaves where index >= ${size});
  delete from audit_leaves where index >= ${size}; delete from audit_tree where (index + 1) * 256 > ${size};
  delete from audit_checkpoints where size > ${size}; update audit_sequencer set size = ${size}`;

async function logForTest() {
  const log = await createSignedLog();
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-seal-"));
  onTestFinished(async () => {
    rmSync(folder, { recursive: true, force: true });
    await log.drop();
  });
  const { audit } = repositoriesOn(log.db);
  return { ...log, audit, file: join(folder, "checkpoints") };
}

it("seals rows that have no index yet, and nothing a second time", async () => {
  const { db, sql, signer } = await logForTest();
  // Two whole batches: the first calls of the sequencer look at rows of before it, and find none.
  await sql`insert into audit_log (action) select 'event.n' || n from generate_series(1, 10000) n`;
  const sealed = await sealLog(db, { signers: [signer] });
  expect(sealed.isNew).toBe(true);
  expect(parseSignedCheckpoint(sealed.checkpoint ?? "")).toMatchObject({ origin: "game.example/log", size: 10_000 });
  expect(await sealLog(db, { signers: [signer] })).toEqual({ checkpoint: sealed.checkpoint, isNew: false });
  expect((await verifyLog(db, { keys: [signer.verifier] })).verdict).toBe("intact");
});

it("seals the rows that are there when it begins, and ends although others are written all the time", async () => {
  const { db, sql, signer } = await logForTest();
  await sql`insert into audit_log (action) select 'event.n' || n from generate_series(1, 100) n`;
  const execute = async (query: Parameters<typeof db.execute>[0]) => {
    await sql`insert into audit_log (action) values ('event.later')`;
    return db.execute(query);
  };
  const busy = new Proxy(db, {
    get: (target, name) => (name === "execute" ? execute : Reflect.get(target, name, target)),
  });
  const { checkpoint } = await sealLog(busy, { signers: [signer], signal: AbortSignal.timeout(60_000) });
  expect(parseSignedCheckpoint(checkpoint ?? "").size).toBeGreaterThanOrEqual(100);
});

it("waits for the rows that an open transaction holds back, without the lock of checkpoints, until it is told to stop", async () => {
  const { db, sql, seal, grow, signer } = await logForTest();
  await grow(1);
  const open = await sql.reserve();
  await open`begin`;
  await open`insert into audit_log (action) values ('event.open')`;
  await sql`insert into audit_log (action) values ('event.held')`;
  const stopping = new AbortController();
  const sealing = sealLog(db, { signers: [signer], signal: stopping.signal });
  expect(parseSignedCheckpoint(await seal()).size).toBe(1);
  stopping.abort();
  await expect(sealing).rejects.toThrow("aborted");
  await open`commit`;
  open.release();
  const { checkpoint } = await sealLog(db, { signers: [signer] });
  expect(parseSignedCheckpoint(checkpoint ?? "").size).toBe(3);
});

it("a log without rows has nothing to seal", async () => {
  const { db, signer } = await logForTest();
  expect(await sealLog(db, { signers: [signer] })).toEqual({ checkpoint: undefined, isNew: false });
});

it("a log that was restored to an earlier moment goes on under a new origin, which names the last checkpoint of the old one", async () => {
  const { db, sql, audit, file, grow, seal, signer } = await logForTest();
  await grow(300);
  await seal();
  await grow(299);
  const lost = await seal();
  writeFileSync(file, `\n\n${lost}`);
  await sql.unsafe(restoreTo(400));
  await expect(sealLog(db, { signers: [signer], file })).rejects.toThrow(LogForkError);
  const begin = (key = createNoteSigner("game.example/log-2")) => beginNewOrigin({ db, audit }, { signer: key, file });
  await expect(begin(signer)).rejects.toThrow("is a key of game.example/log, which has checkpoints already");

  const key = createNoteSigner("game.example/log-2");
  const note = (await begin(key)) ?? "";
  expect(parseSignedCheckpoint(note)).toMatchObject({ origin: "game.example/log-2", size: 401 });
  const [row] = await sql`select actor, changes from audit_log where action = 'audit.origin_changed'`;
  expect(row).toEqual({
    actor: "system:audit-keys",
    changes: { origin: ["game.example/log", "game.example/log-2"], checkpoint: [lost, null] },
  });

  await grow(300);
  const write = (signers: (typeof signer)[]) => db.transaction((tx) => writeCheckpoint(tx, { signers }));
  await expect(write([signer])).rejects.toThrow("has the origin game.example/log-2");
  expect(parseSignedCheckpoint((await write([key])) ?? "").size).toBe(701);
  // The old key may be lost; with it, and with what was kept, the loss is found.
  expect(await verifyLog(db, { keys: [key.verifier] })).toMatchObject({ verdict: "intact", size: 701, unsigned: 0 });
  const newKeyName = key.verifier.text.split("+", 2).join("+");
  expect(await verifyLog(db, { keys: [signer.verifier] })).toMatchObject({
    verdict: "unknown",
    reason: expect.stringContaining(
      `A later checkpoint, of game.example/log-2 for 701 rows, is signed by ${newKeyName}, and by none of the given keys.`,
    ),
    checkpoint: { origin: "game.example/log", size: 300, key: signer.verifier.text },
    unsigned: 401,
  });
  const { findings } = await verifyLog(db, { keys: [key.verifier, signer.verifier], against: [lost, note] });
  expect(findings.map(({ kind, index }) => [kind, index])).toEqual([["forked", 599]]);
  await expect(begin(key)).rejects.toThrow("has checkpoints already");
});

it("a log without a checkpoint has no origin to leave", async () => {
  const { db, audit, grow, signer } = await logForTest();
  await grow(1);
  await expect(beginNewOrigin({ db, audit }, { signer })).rejects.toThrow("The log has no checkpoint");
});

it("seals, new origins and rotations append to the file what it lacks", async () => {
  const { db, audit, file, grow, seal, signer } = await logForTest();
  const sizesInFile = () =>
    readNotes(readFileSync(file, "utf8")).notes.map((note) => {
      const { origin, size } = parseSignedCheckpoint(note);
      return [origin, size];
    });
  for (const rows of [3, 4]) {
    await grow(rows);
    await seal();
  }
  await sealLog(db, { signers: [signer], file });
  const old = "game.example/log";
  expect(sizesInFile()).toEqual([3, 7].map((size) => [old, size]));
  await grow(2);
  await sealLog(db, { signers: [signer], file });
  await rotateSigningKey({ db, audit }, { signers: [createNoteSigner(old), signer], file });
  const origin = "game.example/log-2";
  await beginNewOrigin({ db, audit }, { signer: createNoteSigner(origin), file });
  expect(sizesInFile()).toEqual([...[3, 7, 9, 10].map((size) => [old, size]), [origin, 11]]);
});

it("a restore of before a new origin begins no second log of that name, and no other is taken for the last", async () => {
  const { db, sql, audit, file, grow, signer } = await logForTest();
  for (let sealed = 0; sealed < 300; sealed += 150) {
    await grow(150);
    await sealLog(db, { signers: [signer], file });
  }
  const key = createNoteSigner("game.example/log-2");
  const begin = (newKey = key) => beginNewOrigin({ db, audit }, { signer: newKey, file });
  await begin();
  // Far from the end of the file, and cut by what is read of it first.
  const kept = readFileSync(file, "utf8");
  const other = createNoteSigner("game.example/other").verifier.name;
  const foreign = `${other}\n1\n${"A".repeat(43)}=\n\n— ${other} ${"A".repeat(92)}\n`;
  writeFileSync(file, `${kept}${`\n\n${foreign}`.repeat(1_000)}`);

  await sql.unsafe(restoreTo(200));
  await grow(200);
  await expect(sealLog(db, { signers: [signer], file })).rejects.toThrow(LogForkError);
  const { verifier } = signer;
  await expect(
    rotateSigningKey({ db, audit }, { signers: [createNoteSigner(verifier.name), signer], file }),
  ).rejects.toThrow(LogForkError);
  expect(await sql`select from audit_log where action = 'audit.key_rotated'`).toEqual([]);
  await expect(begin()).rejects.toThrow(`which has checkpoints already, in ${file}`);
});
