import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../../support/database.ts";
import { account, startService } from "../../support/service.ts";
import { sessionLimit } from "./account-model.ts";
import { createAccount, hashCost, type Past } from "./attacked-account.ts";
import { commandsOf, type Focus, focuses, pastOf } from "./commands.ts";
import { Enrol } from "./factor-commands.ts";
import { Players } from "./players.ts";
import { retell } from "./retelling.ts";
import { CallWithEvery } from "./session-commands.ts";
import { SignIn } from "./sign-in-commands.ts";
import { pick } from "./step.ts";

const reuseBound = 100;
/** Accounts whose commands run at once, each in a check of its own: a failed sign-in waits for whole seconds. */
const accountsAtOnce = 40;
const firstSeed = 20_261_127;

let database: TestDatabase;
let services: { readonly reuse: number | undefined; readonly service: Awaited<ReturnType<typeof startService>> }[];
let moderatorToken: string;
let accounts = 0;

beforeAll(async () => {
  database = await createDatabase();
  const env = {
    SESSION_LIMIT: String(sessionLimit),
    TRUSTED_PROXIES: "127.0.0.1",
    // On a busy machine a call may take longer than the defaults: its answer leaves open whether it was made.
    REQUEST_TIMEOUT_MS: "60000",
    STATEMENT_TIMEOUT_MS: "50000",
    DATABASE_POOL_MIN: "10",
  };
  services = await Promise.all(
    [undefined, undefined, reuseBound].map(async (reuse) => {
      const bound = reuse === undefined ? {} : { REFRESH_REUSE_SECONDS: String(reuse) };
      return { reuse, service: await startService(database.url, { env: { ...env, ...bound }, hashCost }) };
    }),
  );
  moderatorToken = (await account(database.sql, "moderator")).token;
});
afterAll(async () => {
  await Promise.all(services.map(({ service }) => service.close()));
  await database.drop();
});

/** A new account with its model, and clients of the services with its setting. */
async function begin(given: Past) {
  const urls = services.filter(({ reuse }) => reuse === given.reuse).map(({ service }) => service.url);
  const model = await createAccount(database.sql, given);
  return { model, real: new Players(database.sql, urls, moderatorToken, ++accounts) };
}

/** The trail alone tells the story of the model, command by command, and from where each call came. */
async function compareStory({ model, real }: Awaited<ReturnType<typeof begin>>): Promise<void> {
  const told = await retell(database.sql, model.account.id);
  const facts = told.map(({ fact }) => fact);
  const byCommand = model.story.map(({ length }) => facts.splice(0, length).sort());
  expect([...byCommand, facts]).toEqual([...model.story.map((command) => command.sort()), []]);
  for (const { ip } of told) expect(real.addresses).toContain(ip);
}

it("sign-ins, sessions, second factors and the trail of accounts are those of the model, whatever clients do at once", async () => {
  const propertyOf = (focus: Focus, reuse: number | undefined) =>
    fc.asyncProperty(pastOf(focus, reuse), commandsOf(focus), async (past, sequences) => {
      const begun = await begin(past);
      const { model, real } = begun;
      await new SignIn(past.isAttacked ? 0 : undefined, 0).run(model, real);
      if (past.isEnrolled) await new Enrol(0, true).run(model, real);
      for (const commands of sequences) await fc.asyncModelRun(() => begun, commands);
      await new CallWithEvery().run(model, real);
      await compareStory(begun);
    });
  const checks = Array.from({ length: accountsAtOnce }, (_, n) =>
    fc.assert(propertyOf(pick(Object.keys(focuses) as Focus[], n), n % 8 < 4 ? reuseBound : undefined), {
      seed: firstSeed + n,
      numRuns: 1,
      unbiased: true,
      interruptAfterTimeLimit: 120_000,
    }),
  );
  for (const check of await Promise.allSettled(checks)) if (check.status === "rejected") throw check.reason;
});
