// Compares page 10,000 of a million users to page 1. The benchmark follows the cursors from page 1.
import { fillUsers, inTurn, median, migrated, onServer, report } from "./support.mjs";

const users = Number(process.env.BENCH_USERS ?? 1_000_000);
const limit = Math.floor(users / 10_000) - 1;
const rounds = Number(process.env.BENCH_ROUNDS ?? 15);
const reads = 100;

await onServer(async (server) => {
  const { sql, repositories, close } = await migrated(server, "pages");
  await fillUsers(sql, users);

  let cursor;
  let last;
  for (let page = 1; page < 10_000; page++) {
    const { items, nextCursor } = await repositories.users.list({ limit, cursor });
    if (items.length !== limit) throw new Error(`page ${page} has ${items.length} users`);
    cursor = nextCursor;
    last = items.at(-1).id;
  }
  const [first] = (await repositories.users.list({ limit, cursor })).items;
  const [{ rank }] = await sql`
    select count(*)::int as rank from users where (created_at, id) >= (select created_at, id from users where id = ${first.id})`;
  if (rank !== 9_999 * limit + 1 || first.id === last) throw new Error(`page 10,000 begins with user ${rank}`);

  const milliseconds = (options) => async () => {
    const times = [];
    for (let read = 0; read < reads; read++) {
      const started = performance.now();
      await repositories.users.list(options);
      times.push(performance.now() - started);
    }
    return median(times);
  };
  const peers = [
    { name: "page 1", measure: milliseconds({ limit }) },
    { name: "page 10,000", measure: milliseconds({ limit, cursor }) },
  ];
  const measured = await inTurn(peers, { rounds, unit: "ms" });
  report("pages", `a page of ${limit} of ${users} users`, { peers, measured, unit: "ms", rounds });
  await close();
});
