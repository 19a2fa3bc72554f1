import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { proveConsistency, proveEntry } from "../../src/audit/prove.ts";
import { createNoteSigner } from "../../src/audit/signed-note.ts";
import { ProofError, verifyProof } from "../../src/client/verify-proof.ts";
import { createSignedLog } from "../support/signed-log.ts";

let log: Awaited<ReturnType<typeof createSignedLog>>;
let key: string;
/** Checkpoints by their size. */
const checkpoints = new Map<number, string>();
beforeAll(async () => {
  log = await createSignedLog();
  key = log.signer.verifier.text;
  let size = 0;
  for (const count of [1, 1, 5, 249, 44, 300]) {
    await log.grow(count);
    size += count;
    checkpoints.set(size, await log.seal());
  }
  await log.grow(1);
});
afterAll(() => log.drop());

const indexes = [0, 1, 2, 6, 255, 256, 300, 511, 512, 598, 599];
/** The proof with other extra data. */
function withEntry(proof: string, change: (proven: Record<string, unknown>) => unknown): string {
  return proof.replace(/^extra (.*)$/m, (_, extra) => {
    const proven = JSON.parse(Buffer.from(extra, "base64").toString());
    return `extra ${Buffer.from(JSON.stringify(change(proven))).toString("base64")}`;
  });
}
const withAction = (proof: string) =>
  withEntry(proof, (proven) => ({ ...proven, entry: String(proven["entry"]).replace("event.", "event_") }));

it("proves each row by its id and by its index, and the client reads it from the proof alone", async () => {
  for (const index of indexes) {
    const [row] = await log.sql`
      select entry.*, changes::text as changes, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
      from audit_log as entry join audit_leaves using (id, created_at) where index = ${index}`;
    const proof = await proveEntry(log.db, index);
    expect(await proveEntry(log.db, row?.["id"])).toBe(proof);
    const expected = {
      origin: "game.example/log",
      size: 600,
      index,
      id: row?.["id"],
      createdAt: row?.["created_at"],
      action: row?.["action"],
      actor: "service:game",
      actingId: null,
      subjectId: null,
      resourceType: null,
      resourceId: null,
      requestId: null,
      changes: row?.["changes"],
      ipAddress: "203.0.113.7",
      userAgent: "agent",
    };
    expect(await verifyProof(proof, key)).toEqual(expected);
    const erased = withEntry(proof, (proven) => ({ ...proven, changes: null, client: null }));
    expect(await verifyProof(erased, [createNoteSigner("other.example").verifier.text, key])).toEqual({
      ...expected,
      changes: undefined,
      ipAddress: undefined,
      userAgent: undefined,
    });
  }
});

it("the client accepts a proof without the newline at its end, as a shell's $(…) leaves it", async () => {
  const proof = await proveEntry(log.db, 7);
  expect(await verifyProof(proof.trimEnd(), key)).toEqual(await verifyProof(proof, key));
});

it("the client refuses a proof in which any part is another", async () => {
  const proof = await proveEntry(log.db, 300);
  const hash = Buffer.alloc(32, 1).toString("base64");
  const altered: [string, string][] = [
    ["the entry is not the one that is in the log at this index", withAction(proof)],
    [
      "a value is not the one that the entry commits to",
      withEntry(proof, (proven) => ({ ...proven, changes: { salt: "", value: "{}" } })),
    ],
    ["it contains no entry", withEntry(proof, () => ({}))],
    ["a part of it is not JSON", withEntry(proof, () => null)],
    ["the log has fewer rows than the index of the entry", proof.replace("index 300", "index 600")],
    ["it is not a tlog-proof of version 1", proof.replace("@v1", "@v2")],
    ["or its third line has no index", proof.replace("index 300", "index -1")],
    ["a part of it is not base64", proof.replace(/^index 300\n./m, "index 300\n*")],
    ["a hash does not have 32 bytes", proof.replace("index 300\n", `index 300\nAAAA\n`)],
    ["a signature of game.example/log is not valid", proof.replace("\n600\n", "\n601\n")],
    ["it ends with no checkpoint", proof.slice(0, proof.lastIndexOf("\n\n"))],
    ...[0, 1, 299, 301].map((index): [string, string] => [
      "the entry is not the one that is in the log at this index",
      proof.replace("index 300", `index ${index}`),
    ]),
    ["the entry is not the one", proof.replace("index 300\n", `index 300\n${hash}\n`)],
    ["the entry is not the one", proof.replace(/index 300\n.*\n/, "index 300\n")],
    ["the entry is not the one", proof.replace(/index 300\n.*\n/, `index 300\n${hash}\n`)],
    [
      "a signature of game.example/log is not valid",
      proof.replace(/(— \S+ .{8})./, "$1A").replace(/(— \S+ .{9})./, "$1B"),
    ],
  ];
  for (const [message, text] of altered) {
    expect(text).not.toBe(proof);
    const refused = await verifyProof(text, key).catch((error: unknown) => error);
    expect(refused, message).toBeInstanceOf(ProofError);
    expect((refused as Error).message).toContain(message);
  }
  await expect(verifyProof(undefined as never, key)).rejects.toBeInstanceOf(ProofError);
  const others = [createNoteSigner("game.example/log").verifier.text, createNoteSigner("other.example").verifier.text];
  await expect(verifyProof(proof, others)).rejects.toThrow("signed by none of the keys");
  await expect(verifyProof(proof, key.replace("game", "gane"))).rejects.toThrow(
    "A public key is not as it was printed",
  );
});

it("refuses a row that is not in the log, is not signed yet, or was changed", async () => {
  await expect(proveEntry(log.db, 601)).rejects.toThrow("has no such row");
  await expect(proveEntry(log.db, "0190a6e0-0000-7000-8000-000000000001")).rejects.toThrow("has no such row");
  await expect(proveEntry(log.db, 600)).rejects.toThrow("No checkpoint covers the row yet");
  await expect(proveConsistency(log.db, 7, 8)).rejects.toThrow("no checkpoint for 8 rows; there is one for 256");
  await expect(proveConsistency(log.db, 7, 700)).rejects.toThrow("no checkpoint for 700 rows; there is one for 600");
  await expect(proveConsistency(log.db, 0, 7)).rejects.toThrow("first the smaller one");
  await expect(proveConsistency(log.db, 8, 7)).rejects.toThrow("first the smaller one");
  const changed = await createSignedLog();
  onTestFinished(changed.drop);
  await changed.grow(2);
  await changed.seal();
  await changed.sql.unsafe("alter table audit_log disable trigger user; update audit_log set action = 'event.other'");
  await expect(proveEntry(changed.db, 1)).rejects.toThrow("was changed: it is not the one that has the index 1");
});

describe.skipIf(!existsSync("/usr/bin/chromium"))("in a browser", () => {
  it("the client checks a proof", async () => {
    const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    onTestFinished(async () => {
      await browser.close();
      server.close();
    });
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    // As in the packed client: it imports nothing.
    const source = readFileSync("dist/client/verify-proof.js", "utf8");
    const module = JSON.stringify(`data:text/javascript,${encodeURIComponent(source)}`);
    const check = (proof: string) =>
      page.evaluate(
        `import(${module}).then(({ verifyProof }) => verifyProof(${JSON.stringify(proof)}, ${JSON.stringify(key)}))
          .catch((error) => error.message)`,
      );
    const proof = await proveEntry(log.db, 300);
    expect(await check(proof)).toEqual(await verifyProof(proof, key));
    expect(await check(withAction(proof))).toContain("the entry is not the one that is in the log");
  });
});

/** Debian's packages golang-go and golang-golang-x-mod-dev. */
const goPath = "/usr/share/gocode";
describe.skipIf(!existsSync("/usr/bin/go") || !existsSync(`${goPath}/src/golang.org/x/mod`))("with Go", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "aeturnis-go-"));
    const env = { ...process.env, GO111MODULE: "off", GOPATH: goPath, GOCACHE: join(folder, "cache"), GOFLAGS: "" };
    await promisify(execFile)("go", ["build", "-o", join(folder, "check"), "test/audit/go/check.go"], { env });
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The program's answer to each input. */
  async function check(inputs: readonly object[]): Promise<string[]> {
    const program = spawn(join(folder, "check"), { stdio: ["pipe", "pipe", "inherit"] });
    program.stdin.end(inputs.map((input) => `${JSON.stringify({ key, ...input })}\n`).join(""));
    const answers = (await program.stdout.setEncoding("utf8").toArray()).join("");
    return answers.trimEnd().split("\n");
  }

  it("sumdb/tlog accepts inclusion proofs, and refuses an altered entry, place, key and checkpoint", async () => {
    const proofs = await Promise.all(indexes.map((index) => proveEntry(log.db, index)));
    expect(await check(proofs.map((inclusion) => ({ inclusion })))).toEqual(proofs.map(() => "ok"));
    const [proof = ""] = proofs;
    expect(
      await check([
        { inclusion: withAction(proof) },
        { inclusion: proof.replace("index 0", "index 1") },
        { inclusion: proof.replace("\n600\n", "\n601\n") },
        { inclusion: proof, key: createNoteSigner("game.example/log").verifier.text },
      ]),
    ).toEqual([
      "invalid transparency proof",
      "invalid transparency proof",
      `invalid signature for key game.example/log+${key.split("+")[1]}`,
      "note has no verifiable signatures",
    ]);
  });

  it("sumdb/tlog accepts consistency proofs between all checkpoints, and refuses another older one", async () => {
    const pairs = [...checkpoints.keys()].flatMap((older, at, sizes) => sizes.slice(at).map((size) => [older, size]));
    const inputs = await Promise.all(
      (pairs as [number, number][]).map(async ([older, size]) => ({
        consistency: await proveConsistency(log.db, older, size),
        olderCheckpoint: checkpoints.get(older),
      })),
    );
    expect(inputs).toHaveLength(21);
    expect(await check(inputs)).toEqual(inputs.map(() => "ok"));
    const other = await createSignedLog();
    onTestFinished(other.drop);
    await other.grow(7);
    const [fork] = await check([
      {
        consistency: await proveConsistency(log.db, 7, 600),
        // The same key has signed another history.
        olderCheckpoint: await other.seal(log.signer),
      },
    ]);
    expect(fork).toBe("invalid transparency proof");
  });
});
