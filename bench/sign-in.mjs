// Compares failed and successful sign-ins over HTTP to the machine's bare rate of Argon2id, computed as many at once as the
// service does. A failed one is one of the four that an account has free, and comes from a network of its own.
import { argon2id, createSignIn, createSignInCall, fillPlayers, hashesAtOnce, signInInputs } from "./players.mjs";
import { startService } from "./service-process.mjs";
import { callsPerSecond, inTurn, migrated, onServer, report, wait } from "./support.mjs";

const players = 20_000;
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 2);
/** Callers who sign in successfully, each in a loop. */
const callers = 16;
/** Time before failed sign-ins are counted, in which the queue of hashes fills (s). */
const rampUp = 1;

await onServer(async (server) => {
  const { sql, url, close } = await migrated(server, "sign_in");
  await fillPlayers(sql, players);
  const service = await startService(url);
  const signIn = await createSignIn(service);
  const call = await createSignInCall(service);
  const nextRight = signInInputs({ players });
  const nextWrong = signInInputs({ players, tries: 4, given: "not the right password" });
  const bare = () => callsPerSecond(argon2id, { callers: hashesAtOnce, seconds });
  const successful = () => callsPerSecond(() => signIn(nextRight()), { callers, seconds });

  // Fills the caches, and the statistics of the tables that sign-ins fill.
  await successful();
  await sql`analyze`;
  const backlog = Math.round((await bare()) * 0.6);
  const begun = async () => Number((await sql`select sum(attempts_total) as sum from user_security`)[0].sum);

  /**
   * A failure is answered a whole number of seconds after it arrived, so that callers in a loop would come in bursts. Instead
   * attempts are sent as others leave the queue, which always has about half a second of work. The database counts an attempt
   * when its hash begins.
   */
  let refusals = 0;
  const failed = async () => {
    const answers = [];
    let refused = 0;
    const attempt = async () => {
      const { status } = await call(nextWrong());
      if (status === 429) refused++;
      else if (status !== 401) throw new Error(`a failed sign-in was answered ${status}`);
    };
    const before = await begun();
    const sendUntil = async (end) => {
      while (performance.now() < end) {
        const waiting = answers.length - refused - ((await begun()) - before);
        for (let more = waiting; more < backlog; more++) answers.push(attempt());
        await wait(Math.min(0.25, (end - performance.now()) / 1_000));
      }
      return { at: performance.now(), begun: await begun() };
    };
    const start = await sendUntil(performance.now() + rampUp * 1_000);
    const end = await sendUntil(performance.now() + seconds * 1_000);
    await Promise.all(answers);
    refusals += refused;
    return ((end.begun - start.begun) / (end.at - start.at)) * 1_000;
  };

  const peers = [
    { name: `Argon2id, ${hashesAtOnce} at once`, measure: bare },
    { name: "failed sign-ins", measure: failed },
    { name: "successful sign-ins", measure: successful },
  ];
  const measured = await inTurn(peers, { rounds, unit: "per second" });
  for (const [file, index] of [
    ["sign-in-failed", 1],
    ["sign-in", 2],
  ]) {
    const pair = (list) => [list[0], list[index]];
    const title = `${peers[index].name} over HTTP`;
    report(file, title, { peers: pair(peers), measured: pair(measured), unit: "per second", rounds });
  }
  // Other work took the processors for seconds.
  if (refusals > 0) console.log(`${refusals} sign-ins were refused: measure again when the machine is idle\n`);
  await service.stop();
  await close();
});
