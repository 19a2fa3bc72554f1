import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { connect } from "../../src/database/pool.ts";
import { serverAccount } from "../../src/embedded/account.ts";
import { startEmbedded } from "../../src/embedded/server.ts";
import { createDatabase, openPool, quiet, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { readableLog } from "../support/log.ts";
import { wireTo } from "../support/proxy.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** Backends of a pool, as PostgreSQL sees them. */
async function backends(applicationName: string): Promise<number> {
  const [row] =
    await database.sql`select count(*)::int from pg_stat_activity where application_name = ${applicationName}`;
  return row?.["count"] as number;
}

describe("the pool", () => {
  it("the pool opens its minimum at once, its maximum under load, and returns to the minimum", async () => {
    const pool = await openPool(
      database.directUrl,
      { DATABASE_POOL_MIN: "3", DATABASE_POOL_MAX: "6" },
      { applicationName: "pool-size", idleTimeout: 300 },
    );
    // pg_stat_activity shows a connection some time after it opens or closes.
    await eventually(async () => expect(await backends("pool-size")).toBe(3));

    const work = Array.from({ length: 30 }, async () => await pool.db.execute(sql`select pg_sleep(0.02)`));
    await eventually(async () => expect(await backends("pool-size")).toBe(6));
    await Promise.all(work);
    await eventually(async () => expect(await backends("pool-size")).toBe(3));
    // The pool keeps its minimum, although the idle time-out passes several times.
    for (let look = 0; look < 20; look++) {
      expect(await backends("pool-size")).toBeGreaterThanOrEqual(2);
      await database.sql`select pg_sleep(0.03)`;
    }
  });

  it("the pool opens its minimum again after the server ended every connection", async () => {
    await openPool(database.directUrl, { DATABASE_POOL_MIN: "2" }, { applicationName: "pool-kept", idleTimeout: 300 });
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pool-kept'`;
    await eventually(async () => expect(await backends("pool-kept")).toBe(2));
  });

  it("the pool sets its name and its time-outs in PostgreSQL", async () => {
    const { db } = await openPool(database.directUrl, {
      STATEMENT_TIMEOUT_MS: "1234",
      LOCK_TIMEOUT_MS: "567",
      IDLE_TRANSACTION_TIMEOUT_MS: "0",
    });
    const [settings] = await db.execute(sql`
      select current_setting('application_name') as name, current_setting('statement_timeout') as statement,
        current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle`);
    expect(settings).toEqual({ name: "aeturnis-data", statement: "1234ms", lock: "567ms", idle: "0" });
  });

  it("a pool that is closed lets running queries finish, and then leaves no connection", async () => {
    const pool = await openPool(database.directUrl, {}, { applicationName: "pool-closed" });
    const running = pool.db.execute(sql`select pg_sleep(0.2), 'finished' as state`).then(([row]) => row);
    const sleeping = () =>
      database.sql`select 1 from pg_stat_activity where application_name = 'pool-closed' and wait_event = 'PgSleep'`;
    await eventually(async () => expect(await sleeping()).toHaveLength(1));
    await pool.close();
    expect(await running).toMatchObject({ state: "finished" });
    await eventually(async () => expect(await backends("pool-closed")).toBe(0));
  });
});

describe("connecting", () => {
  const hurried = { retries: 3, minTimeout: 1, maxTimeout: 5 };

  it("connecting is retried, with a line in the log, until the database is available", async () => {
    const wire = await wireTo(database.directUrl);
    await wire.cut();
    const { log, lines } = readableLog();
    const opening = openPool(wire.url, {}, { log, retryPolicy: { retries: 20, minTimeout: 10, maxTimeout: 50 } });
    await eventually(() => expect(lines.filter(({ msg }) => String(msg).includes("trying again"))).not.toHaveLength(0));
    await wire.mend();
    await (await opening).ping();
    expect(lines[0]).toMatchObject({ level: "warn", attempt: 1, code: "ECONNREFUSED" });
  });

  it("connecting fails after a bounded number of attempts, with the server's address and the remedy", async () => {
    const wire = await wireTo(database.directUrl);
    await wire.cut();
    const { log, lines } = readableLog();
    const { host } = new URL(wire.url);
    await expect(openPool(wire.url, {}, { log, retryPolicy: hurried })).rejects.toThrow(
      new RegExp(
        `^PostgreSQL at ${host} was not reached within \\d s \\(ECONNREFUSED\\): is it running, is DATABASE_URL right\\?$`,
      ),
    );
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(3);
  });

  it("an error that cannot be temporary is not retried, and names what to check, without the password", async () => {
    const url = new URL(database.directUrl);
    url.pathname = "/no_such_database";
    const error = await openPool(url.href, {}, { retryPolicy: hurried }).catch((reason: Error) => reason);
    expect(error).toMatchObject({
      name: "ConnectError",
      message: expect.stringContaining('no database "no_such_database"'),
    });
    if (url.password) expect((error as Error).message).not.toContain(url.password);
  });
});

describe("a query", () => {
  it("a slow query is logged and counted with its text and without its values", async () => {
    const { log, lines } = readableLog();
    const pool = await openPool(database.directUrl, { SLOW_QUERY_MS: "400" }, { log });
    await pool.db.execute(sql`select pg_sleep(0.5), ${"a secret value"}::text`);
    await pool.db.execute(sql`select 1`);

    expect(pool.report()).toMatchObject({
      queries: 2,
      slowQueries: 1,
      slow: [{ text: "select pg_sleep(0.5), $1::text", count: 1 }],
    });
    expect(pool.report().slow[0]?.worst).toBeGreaterThanOrEqual(500);
    expect(lines.filter(({ level }) => level === "warn")).toMatchObject([
      { msg: "slow query", query: "select pg_sleep(0.5), $1::text" },
    ]);
    expect(JSON.stringify(lines)).not.toContain("a secret value");
  });

  it("a slow query is also reported inside a transaction and a savepoint", async () => {
    const pool = await openPool(database.directUrl, { SLOW_QUERY_MS: "0" });
    await pool.db.transaction((tx) => tx.transaction((inner) => inner.execute(sql`select 'in a savepoint'`)));
    expect(pool.report().slow.map(({ text }) => text)).toContain("select 'in a savepoint'");
  });

  it("a failed query rejects for its caller, and causes no unhandled rejection", async () => {
    const pool = await openPool(database.directUrl);
    await expect(pool.db.execute(sql`select 1 / 0`)).rejects.toMatchObject({ cause: { code: "22012" } });
  });

  it("at most the last fifty slow queries are kept", async () => {
    const pool = await openPool(database.directUrl, { SLOW_QUERY_MS: "0" });
    for (let n = 0; n < 60; n++) await pool.db.execute(sql.raw(`select ${n}`));
    const texts = pool.report().slow.map(({ text }) => text);
    expect(texts).toHaveLength(50);
    expect(texts[0]).toBe("select 59");
  });
});

describe("connections to a server", () => {
  const files = join(import.meta.dirname, "../support/tls");
  let server: Awaited<ReturnType<typeof startEmbedded>>;
  let folder: string;
  let sockets: string;

  beforeAll(async () => {
    // The server under test may speak TLS or not; this one does, with a certificate for `localhost`.
    folder = mkdtempSync(join(tmpdir(), "aeturnis-data-tls-"));
    await (await startEmbedded({ folder, log: quiet })).stop();
    const account = serverAccount();
    const cluster = join(folder, "postgres");
    for (const file of ["server.pem", "server.key"]) {
      copyFileSync(join(files, file), join(cluster, file));
      chmodSync(join(cluster, file), 0o600);
      if (account !== undefined) chownSync(join(cluster, file), account.uid, account.gid);
    }
    // In /tmp, because the path of a socket must be short.
    sockets = mkdtempSync("/tmp/aeturnis-socket-");
    chmodSync(sockets, 0o777);
    const ways = { listen_addresses: "127.0.0.1,::1", unix_socket_directories: sockets };
    const settings = { ...ways, ssl: "on", ssl_cert_file: "server.pem", ssl_key_file: "server.key" };
    server = await startEmbedded({ folder, log: quiet, settings });
    const admin = postgres(server.url, { max: 1 });
    await admin`create database ${admin("my bücher/1")}`;
    await admin.end();
  });
  afterAll(async () => {
    await server.stop();
    rmSync(server.cluster, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    rmSync(sockets, { recursive: true, force: true });
  });

  /** How a URL of this server reaches it; SOCKETS, PORT and PASSWORD stand for its own. */
  async function reach(url: string, env: Record<string, string> = {}) {
    const { port, password } = new URL(server.url);
    const filled = url.replace("PORT", port).replace("PASSWORD", password).replace("SOCKETS", sockets);
    const { log, lines } = readableLog();
    const pool = await connect(
      { ...loadConfig({ ...env, DATABASE_URL: filled }).database, url: filled },
      { log, retryPolicy: { retries: 0, minTimeout: 1, maxTimeout: 1 } },
    );
    onTestFinished(() => pool.close());
    const [row] = await pool.db.execute(sql`
      select current_user as user, current_database() as database, inet_server_addr()::text as address,
        ssl, version as tls, current_setting('application_name') as name, current_setting('work_mem') as memory
      from pg_stat_ssl where pid = pg_backend_pid()`);
    const warnings = lines.flatMap(({ level, msg }) => (level === "warn" ? [msg] : []));
    return { ...row, warnings };
  }
  const ca = join(files, "ca.pem");
  const aeturnis = "postgres://aeturnis:PASSWORD@";

  it.each([
    ["an IPv6 address", `${aeturnis}[::1]:PORT/aeturnis`, { address: "::1/128", ssl: false }],
    [
      "a socket's folder as a parameter",
      "postgresql:///aeturnis?host=SOCKETS&port=PORT&user=aeturnis&password=PASSWORD",
      {
        address: null,
      },
    ],
    ["a socket over another host", `${aeturnis}localhost:PORT/aeturnis?host=SOCKETS`, { address: null }],
    [
      "a socket, where TLS is asked for in vain",
      `${aeturnis}localhost:PORT/aeturnis?host=SOCKETS&sslmode=verify-full`,
      {
        ssl: false,
      },
    ],
    ["no database", `${aeturnis}127.0.0.1:PORT`, { user: "aeturnis", database: "aeturnis" }],
    [
      "a database whose name has a space",
      `${aeturnis}127.0.0.1:PORT/my%20b%C3%BCcher%2F1`,
      {
        database: "my bücher/1",
      },
    ],
    [
      "an address beside its name",
      `${aeturnis}localhost:PORT/aeturnis?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=${ca}`,
      {
        address: "127.0.0.1/32",
        ssl: true,
      },
    ],
    [
      "verify-full and its authority",
      `${aeturnis}localhost:PORT/aeturnis?sslmode=verify-full&sslrootcert=${ca}`,
      {
        ssl: true,
      },
    ],
    [
      "verify-ca, by another name",
      `${aeturnis}127.0.0.1:PORT/aeturnis?sslmode=verify-ca&sslrootcert=${ca}`,
      {
        ssl: true,
      },
    ],
    [
      "TLS from the first byte on",
      `${aeturnis}127.0.0.1:PORT/aeturnis?sslmode=require&sslnegotiation=direct`,
      {
        ssl: true,
      },
    ],
    [
      "a version of TLS",
      `${aeturnis}127.0.0.1:PORT/aeturnis?ssl=true&ssl_max_protocol_version=TLSv1.2`,
      {
        tls: "TLSv1.2",
      },
    ],
    [
      "a client's certificate",
      `${aeturnis}127.0.0.1:PORT/aeturnis?sslmode=require&sslcert=${join(files, "server.pem")}&sslkey=${join(files, "server.key")}`,
      {
        ssl: true,
      },
    ],
    [
      "a setting and a name",
      `${aeturnis}127.0.0.1:PORT/aeturnis?options=-c%20work_mem%3D5MB&application_name=ours`,
      {
        memory: "5MB",
        name: "ours",
        warnings: [],
      },
    ],
    [
      "Prisma's parameters",
      `${aeturnis}127.0.0.1:PORT/aeturnis?schema=public&connection_limit=3&pool_timeout=1`,
      {
        warnings: ["connection_limit has no effect: DATABASE_POOL_MAX is the size of the pool"],
      },
    ],
    [
      "Neon's, and the log says what it does not get",
      `${aeturnis}127.0.0.1:PORT/aeturnis?sslmode=require&channel_binding=require`,
      {
        ssl: true,
        warnings: [expect.stringMatching(/^channel_binding=require has no effect.*DATABASE_SSL=verify-full/)],
      },
    ],
  ])("the pool connects to a server with %s", async (_, url, way) => {
    expect(await reach(url)).toMatchObject(way);
  });

  it("verify-ca refuses a certificate of an unknown authority", async () => {
    await expect(reach(`${aeturnis}127.0.0.1:PORT/aeturnis?sslmode=verify-ca`)).rejects.toThrow(
      /SELF_SIGNED|UNABLE_TO/,
    );
  });

  it("a missing certificate file is reported with the name of its parameter", async () => {
    await expect(reach(`${aeturnis}127.0.0.1:PORT/x?sslmode=verify-full&sslrootcert=/no/ca.pem`)).rejects.toThrow(
      "The file that DATABASE_CA_FILE or sslrootcert names cannot be read.",
    );
  });

  it("a Unix socket that does not exist yet is retried, and reported with its path", async () => {
    await expect(reach("postgresql:///x?host=/no/where&user=u")).rejects.toThrow(
      /^PostgreSQL at \/no\/where\/\.s\.PGSQL\.5432 was not reached within \d s \(ENOENT\)/,
    );
  });

  async function usesTls(env: Record<string, string>, host = "127.0.0.1"): Promise<boolean> {
    const url = server.url.replace("127.0.0.1", host);
    const pool = await connect(
      { ...loadConfig(env).database, url },
      { log: quiet, retryPolicy: { retries: 0, minTimeout: 1, maxTimeout: 1 } },
    );
    onTestFinished(() => pool.close());
    const [row] = await pool.db.execute(sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`);
    return row?.["ssl"] as boolean;
  }

  it("the pool uses TLS as DATABASE_SSL requires", async () => {
    expect(await usesTls({ DATABASE_SSL: "disable" })).toBe(false);
    expect(await usesTls({ DATABASE_SSL: "require" })).toBe(true);
    expect(await usesTls({ DATABASE_SSL: "verify-full", DATABASE_CA_FILE: join(files, "ca.pem") }, "localhost")).toBe(
      true,
    );
  });

  it("verify-full refuses a certificate of an unknown authority", async () => {
    await expect(usesTls({ DATABASE_SSL: "verify-full" }, "localhost")).rejects.toThrow(
      /SELF_SIGNED|UNABLE_TO_VERIFY.*DATABASE_CA_FILE/,
    );
  });

  it("verify-full refuses a certificate for another name, also if the host is an IP address", async () => {
    const env = { DATABASE_SSL: "verify-full", DATABASE_CA_FILE: join(files, "ca.pem") };
    await expect(usesTls(env, "127.0.0.1")).rejects.toThrow(/ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  it("a required TLS connection fails when the server does not support TLS", async () => {
    await server.stop();
    server = await startEmbedded({ folder, log: quiet, settings: { ssl: "off" } });
    await expect(usesTls({ DATABASE_SSL: "require" })).rejects.toThrow(/could not be used|not reached/);
  });
});
