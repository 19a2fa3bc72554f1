import { describe, expect, it, onTestFinished } from "vitest";
import { createDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { newUser } from "../support/factories.ts";
import { readableLog } from "../support/log.ts";
import { hasPgBouncer, pgBouncer } from "../support/pgbouncer.ts";
import { clientOf, serviceForTest, serviceToken } from "../support/service.ts";

// Migrations run under traffic. Each answer must belong to its query, for every kind of change.

/** Each kind of statement, and the statement that undoes it. Some change the results of prepared statements. */
const statements = [
  "alter table users alter column username type varchar(140)",
  "alter table users alter column username type varchar(50)",
  "alter table users alter column last_login type timestamptz(3)",
  "alter table users alter column last_login type timestamptz",
  "alter table users add column country text default 'ch' not null",
  "alter table users rename column country to land",
  "alter table users alter column land drop not null ;; alter table users alter column land drop default",
  "alter table users alter column land type integer using length(land)",
  "alter table users alter column land set default 3",
  "alter table users drop column land",
  "alter table users alter column metadata set default '{\"new\": true}'",
  "alter table users alter column metadata set default '{}'",
  "alter table users rename column last_login to seen; alter table users rename column seen to last_login",
  "alter table users add constraint users_id_check check (id is not null) not valid",
  "alter table users validate constraint users_id_check",
  "alter table users drop constraint users_id_check",
  "create index concurrently users_created on users (created_at)",
  "drop index concurrently users_created",
  "reindex table concurrently users",
  "create function nothing() returns trigger language plpgsql as $$ begin return new; end $$",
  "create trigger nothing before update on users for each row execute function nothing()",
  "alter table users disable trigger nothing ;; alter table users enable trigger nothing",
  "drop trigger nothing on users ;; drop function nothing()",
  "create view players as select id, username from users ;; drop view players",
  "alter table users set (fillfactor = 90)",
  "vacuum full users",
  "analyze users",
  "create schema game ;; create table game.users (like public.users)",
  "alter database current set search_path = game, public",
  "alter database current set default_transaction_isolation = 'repeatable read'",
  "alter database current reset all ;; drop schema game cascade",
];

type Client = ReturnType<typeof clientOf>;
interface Player {
  readonly id: string;
  readonly email: string;
  readonly username: string;
}

/** Queries, each with the required content of its answer. */
const questions: ((client: Client, player: Player, n: number) => Promise<readonly [unknown, unknown]>)[] = [
  async (client, { id, username }) => [(await client.users.byUsername.query({ username })).id, id],
  async (client, { id, email }) => [(await client.users.byEmail.query({ email })).id, id],
  async (client, { id, username }) => [(await client.users.byId.query({ id })).username, username],
  async (client, { id, username }) => {
    const { items } = await client.users.list.query({ where: { username } });
    return [items.map((item) => item.id), [id]];
  },
  async (client, { id }, n) => {
    await client.users.updateMany.mutate({ rows: [{ id, metadata: { n } }] });
    return [(await client.users.byId.query({ id })).metadata, { n }];
  },
  async (client) => {
    const user = newUser();
    return [(await client.users.create.mutate(user)).email, user.email];
  },
];

/** Asks the service at `url` with 32 callers while `work` runs; `passed(n)` resolves after n more answers. */
async function underLoad(url: string, work: (passed: (n: number) => Promise<void>) => Promise<void>) {
  const client = clientOf(url, serviceToken);
  const players = await Promise.all(Array.from({ length: 32 }, () => client.users.create.mutate(newUser())));
  const wrong: unknown[] = [];
  const failures = new Set<string>();
  let answered = 0;
  let unavailable = 0;
  let stopped = false;

  const caller = async (player: Player, index: number) => {
    for (let n = index; !stopped; n++) {
      try {
        const [answer, expected] = (await questions[n % questions.length]?.(client, player, n)) ?? [];
        if (JSON.stringify(answer) !== JSON.stringify(expected)) wrong.push({ question: n % 6, answer, expected });
        answered++;
      } catch (error) {
        const { data, message } = error as { data?: { code: string }; message: string };
        if (data?.code === "SERVICE_UNAVAILABLE") unavailable++;
        else failures.add(`${n % 6}: ${data?.code} ${message}`);
      }
    }
  };
  const callers = players.map(caller);
  try {
    await work((n) => {
      const before = answered;
      return eventually(() => expect(answered).toBeGreaterThanOrEqual(before + n));
    });
  } finally {
    stopped = true;
    await Promise.all(callers);
  }
  return { wrong, failures: [...failures], answered, unavailable };
}

describe.each(["directly", "through PgBouncer"])("with 32 callers %s", (way) => {
  it.skipIf(way !== "directly" && !hasPgBouncer)(
    "every kind of migration statement leaves each answer with its own query",
    async () => {
      const pooled = way !== "directly";
      const database = await createDatabase();
      onTestFinished(database.drop);
      const address = pooled ? await pgBouncer(database.directUrl, { poolSize: 4 }) : database.directUrl;
      const { log, lines } = readableLog("error");
      const { url } = await serviceForTest(address, {
        log,
        env: { DATABASE_POOL_MAX: "4", DATABASE_POOLER: pooled ? "transaction" : "none", LOCK_TIMEOUT_MS: "5000" },
      });
      const name = new URL(database.directUrl).pathname.slice(1);
      const result = await underLoad(url, async (passed) => {
        await passed(50);
        for (const statement of statements) {
          for (const part of statement.replaceAll("database current", `database ${name}`).split(" ;; ")) {
            await database.sql.unsafe(part);
          }
          await passed(50);
        }
        // New sessions use the current settings of role and database.
        await database.sql`
          select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
          and application_name <> 'postgres.js'`;
        await passed(50);
      });
      expect({ ...result, errors: lines }).toMatchObject({ wrong: [], failures: [], errors: [] });
      expect((await fetch(new URL("/readyz", url))).status).toBe(200);
      expect(await clientOf(url, serviceToken).users.list.query({ limit: 1 })).toMatchObject({ hasNext: true });
    },
  );
});
