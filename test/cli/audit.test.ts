import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { createNoteSigner } from "../../src/audit/signed-note.ts";
import { verifyProof } from "../../src/client/verify-proof.ts";
import { sequenceAll } from "../support/audit-order.ts";
import { poolerOf } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { builtMain, command } from "../support/process.ts";
import { secret } from "../support/service.ts";
import { createSignedLog } from "../support/signed-log.ts";

let log: Awaited<ReturnType<typeof createSignedLog>>;
let folder: string;
const notes: string[] = [];
beforeAll(async () => {
  log = await createSignedLog();
  folder = mkdtempSync(join(tmpdir(), "aeturnis-audit-"));
  for (const count of [300, 300]) {
    await log.grow(count);
    notes.push(await log.seal());
  }
  writeFileSync(join(folder, "checkpoints"), notes.map((note) => `\n\n${note}`).join(""));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await log.drop();
});

const audit = (args: readonly string[], env: Record<string, string> = {}) =>
  command(["audit", ...args], { DATABASE_URL: log.url, JWT_SECRET: secret, ...env }).ended;

it("audit verify tells whether the trail is intact, by its exit code too", async () => {
  const key = log.signer.verifier.text;
  const own = { AUDIT_SIGNING_KEY: log.signer.text };
  expect(await audit(["verify"], own)).toMatchObject({
    code: 0,
    output: `Verified all 600 rows of the log.\nLast checkpoint: game.example/log, 600 rows, signed by ${key}.\nIntact.\n`,
  });
  // An auditor has the public key and a file, and no other setting.
  const file = join(folder, "checkpoints");
  expect(await audit(["verify", "--key", key, "--against", file, "--to", "256"], { JWT_SECRET: "" })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^Verified 256 rows of the log, with the indexes from 0 to before 256, of 600\.\n.*\nCompared with 2 given checkpoints\.\nIntact\.\n$/,
    ),
  });
  const cut = join(folder, "cut");
  writeFileSync(cut, readFileSync(file, "utf8").slice(0, -20));
  const { output } = await audit(["verify", "--key", key, "--against", cut, "--to", "256"]);
  expect(output).toContain(`--against ${cut}: the last checkpoint is unfinished, and was passed over.`);
  expect(output).toContain("Compared with 1 given checkpoint.");

  const other = createNoteSigner("game.example/log").verifier.text;
  expect(await audit(["verify", "--key", other])).toMatchObject({
    code: 2,
    output: expect.stringContaining("Cannot be told. The last checkpoint is signed by game.example/log+"),
  });
  for (const [args, message] of [
    [["--key", "x"], "--key is not a public key of the form"],
    [["--from", "x"], "--from: must be an index such as 1200, or a time such as"],
    [["--key", key, "--against", join(folder, "none")], "there is no such file"],
    [["--key", key, "--against", "package.json"], "--against package.json: has no checkpoint."],
  ] as const)
    expect(await audit(["verify", ...args], own)).toMatchObject({ code: 2, output: expect.stringContaining(message) });
  const failed = await audit(["verify", "--json", "--from", "x"], own);
  expect([failed.code, JSON.parse(failed.stdout)]).toEqual([
    2,
    { verdict: "unknown", reason: expect.stringContaining("--from: must be an index such as 1200") },
  ]);

  await log.sql.unsafe(`
    alter table audit_log disable trigger user;
    update audit_log set action = 'event.other' where (id, created_at) = (select id, created_at from audit_leaves where index = 7)`);
  const [row] = await log.sql`
    select id, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time from audit_leaves where index = 7`;
  expect(await audit(["verify"], own)).toMatchObject({
    code: 1,
    output: expect.stringContaining(
      `  changed  index 7  ${row?.["time"]}  ${row?.["id"]}  The row is not the one whose hash the log has.\nNot intact: 1 changed.\n`,
    ),
  });
  const { code, stdout } = await audit(["verify", "--json"], own);
  expect([code, JSON.parse(stdout)]).toMatchObject([1, { verdict: "altered", counts: { changed: 1 } }]);
});

it("audit commands need only the settings that they use, also in production", async () => {
  const { url, signer } = log;
  const env = { DATABASE_URL: url, NODE_ENV: "production", AUDIT_SIGNING_KEY: signer.text };
  const key = signer.verifier.text;
  for (const [args, message] of [
    [["key", "list"], `${key}  signs\n`],
    [["key", "rotate"], "signs already"],
    [["seal"], "game.example/log\n600\n"],
    [["verify"], "Verified all 600 rows"],
  ] as const)
    expect(await command(["audit", ...args], env).ended).toMatchObject({
      stdout: expect.stringContaining(message),
    });

  // Which key signs is not known.
  const other = createNoteSigner("game.example/other");
  for (const [settings, publicKey, message] of [
    [{ AUDIT_SIGNING_KEY: other.text }, other.verifier.text, "has the origin game.example/log, and AUDIT_SIGNING_KEY"],
    [{ DATABASE_URL: `${log.directUrl}_gone` }, key, "has no database"],
  ] as const) {
    const listed = await command(["audit", "key", "list"], { ...env, ...settings }).ended;
    expect(listed).toMatchObject({ code: 1, stdout: `${publicKey}\n`, output: expect.stringContaining(message) });
  }
});

it("audit status compares the checkpoints of the database with those of AUDIT_CHECKPOINT_FILE", async () => {
  const file = join(folder, "checkpoints");
  expect(await audit(["status"], { AUDIT_CHECKPOINT_FILE: file })).toMatchObject({
    output: expect.not.stringContaining("AUDIT_CHECKPOINT_FILE"),
  });
  const { code, stdout } = await audit(["status", "--json"], { AUDIT_CHECKPOINT_FILE: folder });
  const problem = expect.stringContaining(`AUDIT_CHECKPOINT_FILE (${folder}) cannot be read: EISDIR`);
  expect([code, JSON.parse(stdout)]).toMatchObject([1, { problems: expect.arrayContaining([problem]) }]);
});

it("audit seal prints the last checkpoint, also of a log that has not grown, and fails for one without rows", async () => {
  const fresh = await createSignedLog();
  onTestFinished(fresh.drop);
  const seal = (...args: string[]) =>
    audit(["seal", ...args], { DATABASE_URL: fresh.url, AUDIT_SIGNING_KEY: fresh.signer.text });
  expect(await seal()).toMatchObject({
    code: 1,
    stdout: "",
    output: "The log has no rows yet: there is nothing to sign.\n",
  });
  await fresh.grow(2);
  const { stdout } = await seal();
  expect(stdout).toMatch(/^game.example\/log\n2\n/);
  expect((await seal("--new-origin")).output).toContain("Warning: AUDIT_CHECKPOINT_FILE is not set.");
  expect(await seal()).toMatchObject({
    code: 0,
    stdout,
    output: expect.stringContaining("The log has not grown since its last checkpoint, which is printed."),
  });
});

it("audit prove prints a proof and nothing else", async () => {
  const { stdout } = await audit(["prove", "300"]);
  expect(await verifyProof(stdout, log.signer.verifier.text)).toMatchObject({ index: 300, size: 600 });
  const consistency = await audit(["prove", "--consistency", "300", "600"]);
  expect(consistency.stdout).toMatch(/^old 300\n([A-Za-z0-9+/=]{44}\n)+\n/);
  expect(consistency.stdout.endsWith(notes[1] as string)).toBe(true);
  for (const [args, code, message] of [
    [["prove"], 2, "Name a row by its id, or by its index"],
    [["prove", "x"], 2, "Name a row by its id, or by its index"],
    [["prove", "1", "--consistency", "1", "2"], 2, "--consistency takes two sizes of the log, and no row."],
    [["prove", "--consistency", "1"], 2, "--consistency takes two sizes of the log, and no row."],
    [["prove", "--consistency", "4", "2"], 2, "Give two sizes of the log, first the smaller one"],
    [["prove", "--consistency", "1", "2"], 2, "There is no checkpoint for 2 rows; there is one for 300."],
    [["prove", "600"], 1, "has no such row"],
  ] as const)
    expect(await audit(args)).toMatchObject({ code, output: expect.stringContaining(message) });
});

it("audit tail prints rows as they come, and goes on where it was stopped", async () => {
  const state = join(folder, "state");
  const start = (...args: string[]) => command(["audit", "tail", "--state", state, ...args], { DATABASE_URL: log.url });
  const printed = (tail: ReturnType<typeof start>, text: string) =>
    eventually(() => expect(tail.output()).toContain(text));
  const stop = async (tail: ReturnType<typeof start>) => {
    tail.child.kill("SIGINT");
    return (await tail.ended).code;
  };
  const first = start("--json");
  await eventually(() => expect(existsSync(state)).toBe(true));
  await log.sql`insert into audit_log (action, created_at) values ('tail.first', '2026-11-28T08:00:00.123456Z')`;
  await sequenceAll(log.sql);
  await printed(first, "tail.first");
  expect(JSON.parse(first.output())).toMatchObject({
    index: 600,
    action: "tail.first",
    createdAt: "2026-11-28T08:00:00.123Z",
  });
  expect(await stop(first)).toBe(130);

  await log.sql`insert into audit_log (action) values ('tail.second'), ('other'), ('tail.third')`;
  await sequenceAll(log.sql);
  const second = start("--where", '{"action":{"like":"tail.*"},"createdAt":{"gte":"2026-01-01T00:00:00Z"}}');
  await printed(second, "tail.third");
  expect(await stop(second)).toBe(130);
  const lines = second.output().trimEnd().split("\n");
  expect(lines.map((line) => line.split("  ")[3])).toEqual(["tail.second", "tail.third"]);

  for (const [args, message] of [
    [["--where", "{"], "--where is not JSON"],
    [["--where", '{"actions":"x"}'], "--where: "],
    [["--from", "now", "--state", join(folder, "none")], "--from: must be an index"],
    [["--state", join(folder, "checkpoints")], "is not a file of this command"],
    [
      ["--state", join(folder, "restored")],
      "the row with the index 599 was 00000000-0000-4000-8000-000000000000 and is another",
    ],
  ] as const) {
    writeFileSync(join(folder, "restored"), "600 00000000-0000-4000-8000-000000000000\n");
    expect(await audit(["tail", ...args])).toMatchObject({ output: expect.stringContaining(message) });
  }
});

it("audit tail goes on when the database was away", async () => {
  const [row] = await log.sql`select max(index)::integer + 1 as size from audit_leaves`;
  const tail = command(["audit", "tail", "--from", String(row?.["size"]), "--json"], { DATABASE_URL: log.url });
  const record = async (action: string) => {
    await log.sql`insert into audit_log (action) values (${action})`;
    await sequenceAll(log.sql);
    await eventually(() => expect(tail.output()).toContain(action));
  };
  await record("away.before");
  const ended = await log.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`;
  expect(ended.length).toBeGreaterThan(0);
  await record("away.after");
  tail.child.kill("SIGINT");
  const { code, output } = await tail.ended;
  expect([code, output.trimEnd().split("\n").length]).toEqual([130, 2]);
});

it("audit tail prints rows again that the reader of a pipe may not have read", async () => {
  const state = join(folder, "pipe");
  const shell = spawn(
    "sh",
    ["-c", '"$0" "$1" audit tail --from 0 --state "$2" | head -n 2', process.execPath, builtMain, state],
    {
      env: { ...process.env, DATABASE_URL: log.url, ...poolerOf(log.url) },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  // It learns that its reader is gone from the next row.
  await eventually(async () => {
    await log.sql`insert into audit_log (action) values ('for nobody')`;
    await sequenceAll(log.sql);
    expect(shell.exitCode).toBe(0);
  });
  expect(readFileSync(state, "utf8")).toBe("0\n");
});
