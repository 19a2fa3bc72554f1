import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { createClient } from "../../src/client/client.ts";
import type { Inputs } from "../../src/routers/index.ts";
import { sequenceAll } from "../support/audit-order.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { wireTo } from "../support/proxy.ts";
import { account, sessionFor, startService, tokens } from "../support/service.ts";

let database: TestDatabase;
let admin: Awaited<ReturnType<typeof account>>;
beforeAll(async () => {
  database = await createDatabase();
  admin = await account(database.sql, "admin");
});
afterAll(() => database.drop());

type TailInput = Exclude<Inputs["audit"]["tail"], void>;

/** Follows the trail, and ends with the test. */
function follow(url: string, input: TailInput | undefined, options: { token?: () => string | Promise<string> } = {}) {
  const rows: { index: number; action: string }[] = [];
  const states: string[] = [];
  let error: { data?: { code?: string } | null | undefined; message: string } | undefined;
  const client = createClient({ url, token: options.token ?? admin.token });
  const { unsubscribe } = client.audit.tail.subscribe(input, {
    onData: ({ data }) => void rows.push({ index: data.index, action: data.action }),
    onConnectionStateChange: ({ state }) => void states.push(state),
    onError: (given) => {
      error = given;
    },
  });
  onTestFinished(unsubscribe);
  return {
    rows,
    states,
    unsubscribe,
    get error() {
      return error;
    },
    connected: () => eventually(() => expect(states).toContain("pending")),
  };
}

async function serviceForTail(env: Record<string, string> = {}, port = "0") {
  const service = await startService(database.url, { env: { ...env, PORT: port } });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= service.close();
    return closing;
  };
  onTestFinished(close);
  return { ...service, close };
}

const record = (action: string) => database.sql`insert into audit_log (action) values (${action})`;
const logSize = async () => {
  const [row] = await database.sql`select coalesce(max(index) + 1, 0)::integer as size from audit_leaves`;
  return row?.["size"] as number;
};
/** The rows of the log from an index on, as a tail should have them. */
const logFrom = (index: number) =>
  database.sql`select index::integer, action from audit_leaves join audit_log using (id, created_at) where index >= ${index} order by index`;

it("sends each committed row once, in the order of the log, while writers commit in another order", async () => {
  const service = await serviceForTail();
  await sequenceAll(database.sql);
  const size = await logSize();
  const [all, now, some] = [
    follow(service.url, { from: 0 }),
    follow(service.url, undefined),
    follow(service.url, { from: size, where: { action: { like: "w1.*" } } }),
  ];
  await Promise.all([all.connected(), now.connected(), some.connected()]);
  // The size of the log is read after the connection.
  await eventually(async () => {
    await record("begin");
    expect(now.rows.length).toBeGreaterThan(0);
  });
  await Promise.all(
    Array.from({ length: 10 }, async (_, writer) => {
      for (let round = 0; round < 10; round++)
        await database.sql
          .begin(async (tx) => {
            await tx`insert into audit_log (action) values (${`w${writer}.a`})`;
            await tx.savepoint((point) => point`insert into audit_log (action) values (${`w${writer}.b`})`);
            await pause(Math.random() * 5);
            if (round % 4 === 3) throw new Error("rolled back");
          })
          .catch(() => {});
    }),
  );
  await record("end");
  for (const { rows } of [all, now]) await eventually(() => expect(rows.at(-1)?.action).toBe("end"));
  const expected = await logFrom(0);
  expect(all.rows).toEqual([...expected]);
  expect(now.rows).toEqual([...expected].slice(-now.rows.length));
  const selected = expected.filter(({ index, action }) => index >= size && action.startsWith("w1."));
  expect(selected.length).toBe(16);
  await eventually(() => expect(some.rows).toEqual(selected));
});

it("goes on after its last row when its connection breaks, and when the service is restarted", async () => {
  const first = await serviceForTail();
  const port = new URL(first.url).port;
  const wire = await wireTo(`postgres://nobody@127.0.0.1:${port}/nothing`);
  const from = await logSize();
  const tail = follow(`http://127.0.0.1:${new URL(wire.url).port}/trpc`, { from });
  await tail.connected();
  let isWriting = true;
  const writing = (async () => {
    for (let number = 0; isWriting; number++) {
      await record(`n${number}`);
      await pause(5);
    }
  })();
  for (let round = 0; round < 3; round++) {
    const seen = tail.rows.length;
    await eventually(() => expect(tail.rows.length).toBeGreaterThan(seen + 10));
    wire.tear();
  }
  const before = performance.now();
  await first.close();
  // An open tail does not delay the stop.
  expect(performance.now() - before).toBeLessThan(2_500);
  const second = await serviceForTail({}, port);
  const seen = tail.rows.length;
  await eventually(() => expect(tail.rows.length).toBeGreaterThan(seen + 10));
  isWriting = false;
  await writing;
  const expected = await eventually(async () => {
    await sequenceAll(database.sql);
    return logFrom(from);
  });
  await eventually(() => expect(tail.rows).toHaveLength(expected.length));
  expect(tail.rows).toEqual([...expected]);
  expect(tail.error).toBeUndefined();
  tail.unsubscribe();
  await second.close();
});

it("ends with its token, and goes on with a new one", async () => {
  const service = await serviceForTail();
  const session = { userId: admin.id, sessionId: admin.sessionId };
  let asked = 0;
  const tail = follow(
    service.url,
    { from: await logSize() },
    {
      token: () => {
        asked++;
        return tokens.signUser(session, asked === 1 ? 4 : 600);
      },
    },
  );
  await tail.connected();
  await eventually(() => expect(asked).toBe(2));
  await record("with a new token");
  await eventually(() => expect(tail.rows.at(-1)?.action).toBe("with a new token"));
});

it("ends with an error when the session ends, and is refused without one", async () => {
  const service = await serviceForTail();
  const other = await account(database.sql, "moderator");
  const tail = follow(service.url, undefined, { token: () => other.token });
  await tail.connected();
  await database.sql`update user_sessions set revoked_at = now(), revocation_reason = 'sign_out' where id = ${other.sessionId}`;
  await eventually(() => expect(tail.error?.data?.code).toBe("UNAUTHORIZED"));
  const refused = follow(service.url, undefined, { token: () => other.token });
  await eventually(() => expect(refused.error?.data?.code).toBe("UNAUTHORIZED"));
});

it("shows a player the rows of its own actions only", async () => {
  const service = await serviceForTail();
  const player = await account(database.sql);
  const tail = follow(service.url, { from: 0, where: { not: { action: "hidden" } } }, { token: () => player.token });
  await tail.connected();
  await database.sql`insert into audit_log (action, user_id) values ('own', ${player.id}), ('other', ${admin.id}), ('hidden', ${player.id}), ('last', ${player.id})`;
  await eventually(() => expect(tail.rows.map(({ action }) => action)).toEqual(["own", "last"]));
});

it("begins at a time, and refuses what is none", async () => {
  const service = await serviceForTail();
  await record("before");
  await pause(5);
  const time = new Date().toISOString();
  await record("after");
  const tail = follow(service.url, { from: time });
  await eventually(() => expect(tail.rows.map(({ action }) => action)).toEqual(["after"]));
  const refused = follow(service.url, { from: "yesterday" });
  await eventually(() => expect(refused.error).toMatchObject({ data: { code: "BAD_REQUEST", field: "from" } }));
});

it("refuses more tails than AUDIT_TAILS, until one ends", async () => {
  const service = await serviceForTail({ AUDIT_TAILS: "1" });
  const one = follow(service.url, { from: 0 });
  await eventually(() => expect(one.rows.length).toBeGreaterThan(0));
  const other = createClient({ url: service.url, token: admin.token, maxRetries: 0 });
  const refusal = await new Promise<unknown>((resolve) => {
    other.audit.tail.subscribe(undefined, { onError: resolve });
  });
  expect(refusal).toMatchObject({ data: { code: "TOO_MANY_REQUESTS", retryAfter: 10 } });
  one.unsubscribe();
  await eventually(async () => {
    const next = follow(service.url, { from: 0 });
    await eventually(() => expect(next.rows.length).toBeGreaterThan(0));
  });
});

it("a reader that leaves while it reads nothing gives its place to another", async () => {
  const service = await serviceForTail({ AUDIT_TAILS: "1" });
  await database.sql`
    insert into audit_log (action, changes) select 'large', jsonb_build_object('text', repeat('x', 5000)) from generate_series(1, 3000)`;
  await sequenceAll(database.sql);
  const address = `${service.url}/audit.tail?input=${encodeURIComponent('{"json":{"from":0}}')}`;
  const silent = await new Promise<IncomingMessage>((resolve) => {
    get(address, { headers: { authorization: `Bearer ${admin.token}` } }, (answer) => {
      // From its first row on it has its place.
      answer.on("data", (data) => {
        if (String(data).includes('"index"')) resolve(answer.pause());
      });
    });
  });
  expect(silent.headers).toMatchObject({ "content-type": "text/event-stream", "x-accel-buffering": "no" });
  const client = createClient({ url: service.url, token: admin.token, maxRetries: 0 });
  /** Whether a tail begins. */
  const begins = () =>
    new Promise<boolean>((resolve) => {
      const tail = client.audit.tail.subscribe({ from: 0 }, { onData: () => done(true), onError: () => done(false) });
      const done = (isBegun: boolean) => {
        tail.unsubscribe();
        resolve(isBegun);
      };
    });
  expect(await begins()).toBe(false);
  silent.destroy();
  await eventually(async () => expect(await begins()).toBe(true));
});

/** The head of a GET of a tail, as it goes over a connection. */
const tailRequest = (input: TailInput, method = "GET") =>
  `${method} /trpc/audit.tail?input=${encodeURIComponent(JSON.stringify({ json: input }))} HTTP/1.1\r\n` +
  `host: x\r\nauthorization: Bearer ${admin.token}\r\n\r\n`;

it("tails that leave at once, and those of one connection, give their places to others", async () => {
  const service = await serviceForTail({ AUDIT_TAILS: "3" });
  const port = Number(new URL(service.url).port);
  for (const requests of [1, 3])
    for (let wait = 0; wait <= 12; wait++) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(tailRequest({ from: 0, where: { action: "none" } }).repeat(requests));
      await pause(wait);
      socket.destroy();
    }
  const tails = [1, 2, 3].map(() => follow(service.url, { from: 0 }));
  for (const { rows } of tails) await eventually(() => expect(rows.length).toBeGreaterThan(0));
  for (const { unsubscribe } of tails) unsubscribe();
});

it.each(["HEAD", "POST"])("%s follows nothing", async (method) => {
  const service = await serviceForTail();
  const answer = await fetch(`${service.url}/audit.tail`, {
    method,
    headers: { authorization: `Bearer ${admin.token}` },
  });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET"]);
});

it("a tail that has had no row yet goes on where it began, over a restart of the service", async () => {
  const first = await serviceForTail();
  const tail = follow(first.url, { where: { action: { like: "rare.*" } } });
  await tail.connected();
  await pause(200);
  await first.close();
  await record("rare.meanwhile");
  await sequenceAll(database.sql);
  await serviceForTail({}, new URL(first.url).port);
  await record("rare.later");
  await eventually(() => expect(tail.rows.map(({ action }) => action)).toEqual(["rare.meanwhile", "rare.later"]));
});

it("a tail goes on with a new token as often as the old one is refused", async () => {
  const service = await serviceForTail();
  let session: Awaited<ReturnType<typeof sessionFor>> | undefined;
  const client = createClient({
    url: service.url,
    token: () => session?.token,
    onUnauthorized: async () => {
      session = await sessionFor(database.sql, admin.id);
      return true;
    },
  });
  const actions: string[] = [];
  const { unsubscribe } = client.audit.tail.subscribe(
    { from: await logSize(), where: { action: { like: "renewed.*" } } },
    { onData: ({ data }) => void actions.push(data.action) },
  );
  onTestFinished(unsubscribe);
  const expected = ["renewed.0", "renewed.1", "renewed.2"];
  for (const [number, action] of expected.entries()) {
    await record(action);
    await eventually(() => expect(actions).toEqual(expected.slice(0, number + 1)));
    await database.sql`update user_sessions set revoked_at = now(), revocation_reason = 'sign_out' where id = ${session?.sessionId ?? null}`;
    const ended = session;
    await eventually(() => expect(session).not.toBe(ended));
  }
});

it("a token that is refused again and again ends a tail", async () => {
  const service = await serviceForTail();
  let renewals = 0;
  const client = createClient({ url: service.url, token: "none", onUnauthorized: () => ++renewals > 0 });
  const error = await new Promise<unknown>((resolve) => client.audit.tail.subscribe(undefined, { onError: resolve }));
  expect(error).toMatchObject({ data: { code: "UNAUTHORIZED" } });
  expect(renewals).toBe(1);
});
