// Compares the durations of four kinds of failed sign-ins, which must not reveal whether an account exists, is locked, or has
// a hash of another system. A failure is answered a whole number of seconds after it arrived, so the tries of one second
// differ by the time that remains after the timer. The kinds take turns, at less than the rate of the queue of hashes.
import { pbkdf2Sync } from "node:crypto";
import { addressOf, argon2id, createSignInCall, fillPlayers, hashesAtOnce, password } from "./players.mjs";
import { startService } from "./service-process.mjs";
import { callsPerSecond, median, migrated, onServer, save, wait } from "./support.mjs";

const tries = Number(process.env.BENCH_TRIES ?? 1_000);
/** Share of the rate of the hashes alone at which tries arrive. */
const load = 0.7;
/** PBKDF2's iterations: those of Django 3.2. Django 4.2 has 600,000, with which a run takes twice as long. */
const iterations = Number(process.env.BENCH_ITERATIONS ?? 260_000);

await onServer(async (server) => {
  const { sql, url, close } = await migrated(server, "sign_in_timing");
  // Players 1 to `tries` have Argon2id, the next are locked, the last have PBKDF2.
  await fillPlayers(sql, tries * 3);
  const numbered = sql`substr(username, 7)::int`;
  await sql`
    update user_security set locked_until = now() + interval '1 day'
    from users where users.id = user_id and ${numbered} between ${tries + 1} and ${tries * 2}`;
  const digest = pbkdf2Sync(password, "seasalt", iterations, 32, "sha256").toString("base64");
  const started = performance.now();
  pbkdf2Sync(password, "seasalt", iterations, 32, "sha256");
  const slowHash = performance.now() - started;
  await sql`
    update users set password_hash = ${`pbkdf2_sha256$${iterations}$seasalt$${digest}`}
    where ${numbered} > ${tries * 2}`;
  await sql`analyze`;

  const wrong = "not the right password";
  const kinds = [
    { name: "unknown name", input: (n) => ({ login: `nobody${n}`, password }) },
    { name: "wrong password", input: (n) => ({ login: `player${n}`, password: wrong }) },
    { name: "locked account, right password", input: (n) => ({ login: `player${tries + n}`, password }) },
    { name: "PBKDF2, wrong password", input: (n) => ({ login: `player${tries * 2 + n}`, password: wrong }) },
  ].map((kind) => ({ ...kind, durations: [] }));

  const service = await startService(url);
  const call = await createSignInCall(service);
  const argon2Rate = await callsPerSecond(argon2id, { callers: hashesAtOnce, seconds: 1 });
  // Time that one try of each kind takes the queue (ms).
  const turn = (3 * 1_000) / argon2Rate + slowHash / hashesAtOnce;
  let refused = 0;
  const attempt = async ({ input, durations = [] }, n, address) => {
    for (;;) {
      const begun = performance.now();
      const { status } = await call({ ...input(n), ipAddress: addressOf(address) });
      if (status === 401) return durations.push(performance.now() - begun);
      if (status !== 429) throw new Error(`a failed sign-in was answered ${status}`);
      // Other work takes the processors: too many hashes wait.
      refused++;
      await wait(1);
    }
  };
  // Fills the caches: the names are unknown.
  for (let n = 0; n < 60; n += 20)
    await Promise.all(Array.from({ length: 20 }, (_, of) => attempt({ input: kinds[0].input }, -n - of, n + of)));

  const interval = turn / 4 / load;
  // Twice the tries of a second: if answers take longer than that, the processors are not free.
  const most = 2_000 / interval;
  const answers = new Set();
  for (let count = 0; count < tries * 4; count++) {
    await wait(interval / 1_000);
    if (answers.size >= most) await Promise.race(answers);
    const [n, place] = [Math.floor(count / 4), count % 4];
    // The order of the kinds changes from turn to turn.
    const answer = attempt(kinds[(place + n) % 4], n + 1, 100 + count).finally(() => answers.delete(answer));
    answers.add(answer);
  }
  await Promise.all(answers);
  await service.stop();
  await close();
  if (refused > 0) console.log(`${refused} tries were refused and repeated: measure again when the machine is idle`);
  report(kinds);
});

function report(kinds) {
  const rows = kinds.map(({ name, durations }) => {
    const sorted = [...durations].sort((a, b) => a - b);
    const at = (share) => Math.round(sorted[Math.floor(sorted.length * share)] * 10) / 10;
    const answered = (second) => durations.filter((ms) => Math.floor(ms / 1_000) === second).length;
    return {
      name,
      tries: durations.length,
      "median (ms)": Math.round(median(durations) * 10) / 10,
      "p5 (ms)": at(0.05),
      "p95 (ms)": at(0.95),
      "1 s": answered(1),
      "2 s": answered(2),
      "3 s and more": durations.filter((ms) => ms >= 3_000).length,
    };
  });
  const medians = rows.map((row) => row["median (ms)"]);
  const spread = Math.max(...medians) - Math.min(...medians);
  console.log(`\nfailed sign-ins by kind, answered after 1, 2 or 3 s\n`);
  console.table(rows);
  console.log(`the medians are within ${spread.toFixed(1)} ms of each other\n`);
  save("sign-in-timing", { rows, spread });
}
