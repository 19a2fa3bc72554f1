import { randomBytes } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { encryptionKeyEntry } from "../../../src/config/encryption-keys.ts";
import { createEncryptionKey } from "../../../src/identity/encryption/configured-keys.ts";
import { deriveKeys } from "../../../src/identity/signing-keys.ts";
import { createDatabase, type TestDatabase } from "../../support/database.ts";
import { newUser, passwordHash } from "../../support/factories.ts";
import { readableLog } from "../../support/log.ts";
import { command } from "../../support/process.ts";
import { startService } from "../../support/service.ts";
import { hashCost } from "../model/attacked-account.ts";
import { AccountLife } from "./account-life.ts";
import { sendDuringFaults, sendInvalidRequests, sendWrongSecrets } from "./error-answers.ts";
import { dumpColumns, type Evidence, placesOf } from "./evidence.ts";
import { RecordedService } from "./recorded-service.ts";
import { formsOf, tokenForms } from "./secret-forms.ts";

const jwtSecret = randomBytes(32).toString("base64url");
const [older, newer] = [createEncryptionKey("older"), createEncryptionKey("newer")];

/** Services on a database that log everything, one after another, and commands beside them. */
async function startRecording() {
  const database = await createDatabase();
  onTestFinished(database.drop);
  const { log, lines } = readableLog("trace");
  const service = new RecordedService("");
  const outputs: Evidence[] = [];
  let close = async () => {};
  onTestFinished(() => close());
  const env = (keys: (typeof older)[]) => ({
    JWT_SECRET: jwtSecret,
    ENCRYPTION_KEYS: keys.map(encryptionKeyEntry).join(","),
  });
  return {
    database,
    service,
    lines,
    /** Starts a service with these encryption keys, in place of the one before. */
    start: async (...keys: (typeof older)[]) => {
      await close();
      const started = await startService(database.url, { log, env: env(keys), hashCost });
      close = started.close;
      service.url = started.url;
    },
    /** Runs a command of `aeturnis-data`. */
    run: async (...args: string[]) => {
      const { code, output } = await command(args, { DATABASE_URL: database.url, ...env([newer, older]) }).ended;
      expect(code).toBe(0);
      outputs.push({ place: `output of ${args.slice(0, 2).join(" ")}`, text: output });
      return output.trim();
    },
    evidence: async (): Promise<Evidence[]> => [
      ...service.answers,
      ...outputs,
      ...lines.map((line) => ({ place: "log", text: JSON.stringify(line) })),
      ...(await dumpColumns(database.sql)),
    ],
  };
}

/** Lets a minute pass for the codes of an account, without a trace. */
const passMinute = ({ sql }: TestDatabase) =>
  sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update user_security set two_factor_last_step = two_factor_last_step - 2`;
  });

function keepKeys(life: AccountLife): void {
  life.keep("JWT_SECRET", formsOf(jwtSecret));
  for (const purpose of ["access tokens", "refresh tokens", "cursors"] as const)
    for (const { bytes } of deriveKeys([jwtSecret], purpose)) life.keep(`key of ${purpose}`, formsOf(bytes));
  for (const { bytes } of [older, newer]) life.keep("encryption key", formsOf(bytes));
}

it("every password, token, code, key and hash is found where it belongs, and in no other answer, log line, row or output", async () => {
  const recording = await startRecording();
  const { database, service, lines } = recording;
  const { email, username } = newUser();
  const life = new AccountLife(service, database.sql, username);
  keepKeys(life);
  await recording.start(older);

  const serviceToken = await recording.run("token", "--service", "game");
  life.keep("service token", tokenForms(serviceToken), { delivered: ["output of token --service"] });
  const game = () => service.client(serviceToken);
  const imported = `${passwordHash.slice(0, -8)}${randomBytes(6).toString("base64url")}`;
  await game().users.create.mutate({ ...newUser(), passwordHash: imported });
  life.keep("imported hash", formsOf(imported.slice(-43)), { stored: ["users.password_hash"] });
  life.password = life.newPassword("password", `first ${randomBytes(9).toString("base64url")}`);
  const created = await game().users.create.mutate({ email, username, password: life.password });
  await life.keepStored();

  await life.signIn();
  await life.reuse();
  await life.signIn();
  await life.refresh();
  await life.enrol();
  await life.confirm();
  await life.complete({ code: life.code(1) });
  await life.complete({ recoveryCode: life.recoveryCodes[0] ?? "" });
  await life.renewRecoveryCodes();
  await life.changePassword(life.newPassword("password", `second ${randomBytes(9).toString("base64url")}`));
  const [device] = await life.mine.account.devices.list.query();
  await life.mine.account.devices.rename.mutate({ deviceId: device?.id ?? "", name: "The big one" });

  await recording.run("keys", "rotate");
  await life.keepStored();
  await recording.start(newer, older);
  await passMinute(database);
  await life.complete({ code: life.code(0) });
  await life.mine.auth.reauthenticate.mutate({ code: life.code(1) });
  await sendWrongSecrets(life);
  await sendInvalidRequests(life, serviceToken);
  await life.enrol();
  await life.challenge();
  await life.mine.sessions.list.query();
  await life.mine.account.devices.list.query();
  await life.mine.users.me.query();
  await life.mine.audit.list.query();
  await game().users.byId.query({ id: created.id });
  await game().sessions.check.query({ accessToken: life.accessToken });
  await sendDuringFaults(life);

  const evidence = await recording.evidence();
  const found = life.secrets.map((secret) => ({ ...secret, ...placesOf(secret, evidence), may: secret.stored }));
  expect(Object.fromEntries(found.map(({ name, others }) => [name, others]))).toEqual(
    Object.fromEntries(found.map(({ name, delivered }) => [name, delivered])),
  );
  // The search finds what is there: every column that may hold a secret holds one.
  expect(new Set(found.flatMap(({ stored }) => stored))).toEqual(new Set(found.flatMap(({ may }) => may)));
  expect(lines.some(({ query }) => String(query).includes("user_security"))).toBe(true);
});
