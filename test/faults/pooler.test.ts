import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDatabase, openPool, type TestDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { readableLog } from "../support/log.ts";
import { hasPgBouncer, pgBouncer } from "../support/pgbouncer.ts";
import { clientOf, serviceForTest, serviceToken } from "../support/service.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

const env = { DATABASE_POOLER: "transaction" };
const untold = { DATABASE_POOLER: "none" };
/** The PgBouncer options that accept and ignore the service's settings. */
const ignoring = [
  "ignore_startup_parameters = search_path,intervalstyle,bytea_output,extra_float_digits,transform_null_equals," +
    "default_transaction_isolation,gin_fuzzy_search_limit,statement_timeout,lock_timeout,idle_in_transaction_session_timeout",
];

describe.skipIf(!hasPgBouncer)("through PgBouncer in transaction mode", () => {
  it("32 callers through PgBouncer get the answers to their own queries, and the service is ready afterwards", async () => {
    const { url } = await serviceForTest(await pgBouncer(database.directUrl, { poolSize: 3 }), { env });
    const caller = async () => {
      const client = clientOf(url, serviceToken);
      for (let round = 0; round < 3; round++) {
        const user = newUser();
        const made = await client.users.create.mutate(user);
        expect(made).toMatchObject({ email: user.email, username: user.username });
        const [byId, byEmail, changed] = await Promise.all([
          client.users.byId.query({ id: made.id }),
          client.users.byEmail.query({ email: user.email }),
          client.users.updateMany.mutate({ rows: [{ id: made.id, metadata: { round } }] }),
        ]);
        expect([byId.id, byEmail.id, changed.written]).toEqual([made.id, made.id, 1]);
        const { items } = await client.users.list.query({ where: { username: user.username } });
        expect(items).toMatchObject([{ id: made.id, metadata: { round } }]);
      }
    };
    await Promise.all(Array.from({ length: 32 }, caller));
    expect((await fetch(new URL("/readyz", url))).status).toBe(200);
    const [kept] = await database.sql`select count(*)::int as n from users`;
    expect(kept).toEqual({ n: 96 });
  });

  it("a service without DATABASE_POOLER does not start behind a transaction pooler, and names the remedy", async () => {
    const says = "set DATABASE_POOLER=transaction";
    await expect(openPool(await pgBouncer(database.directUrl, { poolSize: 2 }), untold)).rejects.toThrow(says);
    const lenient = await pgBouncer(database.directUrl, { poolSize: 2, settings: ignoring });
    await expect(openPool(lenient, untold)).rejects.toThrow(`in transaction mode: ${says}`);
  });

  it("a pooler that assigns connections in turn is recognised, and one in statement mode is refused", async () => {
    const inTurn = ["server_round_robin = 1", ...ignoring];
    const rotating = await pgBouncer(database.directUrl, { poolSize: 4, settings: inTurn });
    for (let n = 0; n < 4; n++) await expect(openPool(rotating, untold)).rejects.toThrow("in transaction mode");
    const statements = await pgBouncer(database.directUrl, { poolSize: 2, settings: ["pool_mode = statement"] });
    await expect(openPool(statements, env)).rejects.toThrow("set its pool_mode to transaction");
  });

  it("the log names time-outs that do not reach PostgreSQL, until the role has them", async () => {
    const pooler = await pgBouncer(database.directUrl, { poolSize: 2 });
    const { log, lines } = readableLog("warn");
    await openPool(pooler, env, { log });
    expect(lines.map(({ msg }) => msg)).toEqual([
      "The pooler does not pass the service's timeouts on to PostgreSQL: " +
        "alter role <role> set statement_timeout = '5000'; alter role <role> set lock_timeout = '2000'; " +
        "alter role <role> set idle_in_transaction_session_timeout = '10000';",
    ]);
  });

  it("a role whose search_path finds other tables is refused with the remedy", async () => {
    await database.sql`create schema game`;
    const name = database.sql(new URL(database.directUrl).pathname.slice(1));
    await database.sql`alter database ${name} set search_path = game, public`;
    const pooler = await pgBouncer(database.directUrl, { poolSize: 2 });
    await expect(openPool(pooler, env)).rejects.toThrow("alter role <role> set search_path = 'public';");
    await database.sql`alter database ${name} reset search_path`;
  });
});

describe.skipIf(!hasPgBouncer)("through PgBouncer in session mode", () => {
  it("a service without DATABASE_POOLER works through PgBouncer in session mode, and the log names the pooler", async () => {
    await database.sql`alter database ${database.sql(new URL(database.directUrl).pathname.slice(1))} set search_path = public`;
    const pooler = await pgBouncer(database.directUrl, {
      poolSize: 20,
      settings: ["pool_mode = session", ...ignoring],
    });
    const { log, lines } = readableLog("warn");
    await (await openPool(pooler, untold, { log })).ping();
    expect(lines[0]?.["msg"]).toMatch(
      /is reached through a connection pooler: set DATABASE_POOLER=transaction, unless/,
    );
  });
});
