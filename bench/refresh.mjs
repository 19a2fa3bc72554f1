// Compares auth.refresh over HTTP to its statement alone through postgres.js, and measures the processor time that the
// service takes for it. Each caller refreshes a session of its own, each time with the token of the last answer.
import { randomUUID } from "node:crypto";
import { createSignIn, fillPlayers, signInInputs } from "./players.mjs";
import { createCaller, startService } from "./service-process.mjs";
import { callsPerSecond, inTurn, median, migrated, onServer, report } from "./support.mjs";

const players = 20_000;
const callers = 32;
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 2);

await onServer(async (server) => {
  const { sql, url, db, repositories, close } = await migrated(server, "refresh");
  await fillPlayers(sql, players);
  const service = await startService(url);
  const signIn = await createSignIn(service);
  const next = signInInputs({ players });
  const refreshTokens = () =>
    Promise.all(Array.from({ length: callers }, async () => (await signIn(next())).refreshToken));

  const call = createCaller(service);
  const tokens = await refreshTokens();
  const refresh = async () => {
    const { status, data } = await call("auth.refresh", { refreshToken: tokens.pop() });
    if (status !== 200) throw new Error(`a refresh was answered ${status}`);
    tokens.push(data.refreshToken);
  };
  const processorTimes = [];
  const refreshesPerSecond = async () => {
    const [before, started] = [await service.cpuSeconds(), performance.now()];
    const rate = await callsPerSecond(refresh, { callers, seconds });
    const refreshes = (rate * (performance.now() - started)) / 1_000;
    processorTimes.push((((await service.cpuSeconds()) - before) / refreshes) * 1_000);
    return rate;
  };

  const statement = await rotationStatement(db, repositories);
  const sessions = (await refreshTokens()).map((token) => {
    const [, claims] = token.split(".");
    const { sub: userId, sid: sessionId, jti: tokenId } = JSON.parse(Buffer.from(claims, "base64url"));
    return { userId, sessionId, tokenId };
  });
  const rotate = async () => {
    const session = sessions.pop();
    const successorId = randomUUID();
    const rows = await sql.unsafe(statement.text, statement.parametersOf({ ...session, successorId }), {
      prepare: true,
    });
    if (rows.length !== 1) throw new Error("a session was not rotated");
    sessions.push({ ...session, tokenId: successorId });
  };

  const peers = [
    { name: "the statement by postgres.js", measure: () => callsPerSecond(rotate, { callers, seconds }) },
    { name: "auth.refresh", measure: refreshesPerSecond },
  ];
  const measured = await inTurn(peers, { rounds, unit: "per second" });
  report("refresh", `auth.refresh over HTTP, ${callers} callers`, { peers, measured, unit: "per second", rounds });
  // The first round is a warm-up.
  const processorTime = median(processorTimes.slice(1));
  console.log(
    `processor time of the service: ${processorTime.toFixed(2)} s for 1,000 refreshes, ` +
      `which are ${Math.round(1_000 / processorTime)} per second and core\n`,
  );
  await service.stop();
  await close();
});

/** The statement of a rotation, as the service sends it, and its parameters for a session. */
async function rotationStatement({ $client: client }, { sessions }) {
  const given = { userId: randomUUID(), sessionId: randomUUID(), tokenId: randomUUID() };
  const lifetime = { lifetime: 30 * 86_400, idleTimeout: 14 * 86_400 };
  let sent;
  const { unsafe } = client;
  // Drizzle sends every statement by `unsafe`.
  client.unsafe = (text, parameters, options) => {
    sent = { text, parameters };
    return unsafe(text, parameters, options);
  };
  const by = { name: `user:${given.userId}`, ipAddress: "127.0.0.1", userAgent: "bench", requestId: "0123456789" };
  await sessions.rotate(by, { ...given, ofPlayers: lifetime, ofStaff: lifetime, reuse: undefined });
  client.unsafe = unsafe;
  const { text, parameters } = sent;
  const constants = new Set([given.userId, given.sessionId, given.tokenId]);
  const successor = parameters.find((value) => /^[0-9a-f-]{36}$/.test(value) && !constants.has(value));
  const names = new Map([...Object.entries(given).map(([name, id]) => [id, name]), [successor, "successorId"]]);
  return {
    text,
    parametersOf: (session) =>
      parameters.map((value) => {
        if (names.has(value)) return session[names.get(value)];
        return typeof value === "string" ? value.replaceAll(given.userId, session.userId) : value;
      }),
  };
}
