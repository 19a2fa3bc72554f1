import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { toDomainError } from "../../src/database/errors.ts";
import { inTransaction } from "../../src/database/transaction.ts";
import { createDatabase, openPool, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { account } from "../support/service.ts";
import { testActor } from "../support/things.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

async function opened() {
  const { db, report } = await openPool(database.url);
  /** Runs the work. Returns its result and the number of its statements. */
  const counted = async <T>(work: () => Promise<T>) => {
    const { queries: before } = report();
    return { result: await work(), statements: report().queries - before };
  };
  return { db, counted, repositories: repositoriesOn(db) };
}

const accounts = (count: number) => Promise.all(Array.from({ length: count }, () => account(database.sql)));
const nameOf = (error: unknown) => toDomainError(error)?.name;

it("look-ups of one turn share a statement, and each gets its own row or error", async () => {
  const { repositories, counted } = await opened();
  const players = await accounts(20);
  const ids = [...players.map(({ id }) => id), randomUUID(), players[0]?.id ?? ""];
  const { result, statements } = await counted(() =>
    Promise.allSettled(ids.map((id) => repositories.users.findById(id))),
  );
  expect(statements).toBe(1);
  const expected = [...players, undefined, players[0]].map((player) => player?.username);
  expect(result.map((one) => (one.status === "fulfilled" ? one.value.username : undefined))).toEqual(expected);
  expect(result[20]).toMatchObject({ status: "rejected", reason: { name: "NotFoundError" } });
});

it("a shared statement returns the same rows as one for each look-up", async () => {
  const { repositories } = await opened();
  const players = await accounts(3);
  const [one, two] = players;
  await database.sql`update users set status = 'banned' where id = ${two?.id ?? ""}`;
  const pairs = players.flatMap(({ id }) => players.map(({ sessionId }) => [id, sessionId] as const));
  type LookUp = (pair: readonly [string, string]) => Promise<unknown>;
  const live = async (pair: readonly [string, string]) => {
    const session = await repositories.sessions.findLive(...pair);
    return session && JSON.parse(session.json);
  };
  const lookUps: LookUp[] = [
    live,
    ([id]) => repositories.users.findById(id),
    (pair) => repositories.sessions.findForAdmission(...pair),
  ];
  for (const lookUp of lookUps) {
    const alone = [];
    for (const pair of pairs) alone.push(await lookUp(pair));
    expect(await Promise.all(pairs.map(lookUp))).toEqual(alone);
  }
  const found = await Promise.all(pairs.map(live));
  expect(found.map((session) => session?.id)).toEqual(
    pairs.map(([id, sessionId]) =>
      id !== two?.id && players.find((player) => player.id === id)?.sessionId === sessionId ? sessionId : undefined,
    ),
  );
  expect(found[0]?.id).toBe(one?.sessionId);
});

it("a text that is no UUID fails alone", async () => {
  const { repositories } = await opened();
  const [player] = await accounts(1);
  const ids = [player?.id ?? "", "42", "", '"}],[{"', player?.id.toUpperCase() ?? ""];
  const results = await Promise.allSettled(ids.map((id) => repositories.users.findById(id)));
  expect(results.map((one) => (one.status === "fulfilled" ? one.value.id : nameOf(one.reason)))).toEqual([
    player?.id,
    "InvalidInputError",
    "InvalidInputError",
    "InvalidInputError",
    player?.id,
  ]);
});

it("a statement looks up a hundred keys at most", async () => {
  const { repositories, counted } = await opened();
  const ids = Array.from({ length: 250 }, () => randomUUID());
  const { result, statements } = await counted(() =>
    Promise.allSettled(ids.map((id) => repositories.users.findById(id))),
  );
  expect(statements).toBe(3);
  expect(new Set(result.map(({ status }) => status))).toEqual(new Set(["rejected"]));
});

it("a look-up in a transaction sees its rows, and shares no statement with others", async () => {
  const { db, repositories } = await opened();
  await inTransaction(db, async (tx) => {
    const users = repositories.users.withTransaction(tx);
    const { id } = await users.create(testActor, newUser());
    const [inside, outside] = await Promise.allSettled([users.findById(id), repositories.users.findById(id)]);
    expect(inside).toMatchObject({ status: "fulfilled", value: { id } });
    expect(outside).toMatchObject({ status: "rejected", reason: { name: "NotFoundError" } });
  });
});
