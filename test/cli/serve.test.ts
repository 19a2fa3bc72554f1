import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { describe, expect, it, onTestFinished } from "vitest";
import { isReachable } from "../../src/embedded/account.ts";
import { eventually } from "../support/eventually.ts";
import { newUser } from "../support/factories.ts";
import { clusterOf, command, dataFolder, said, serve, serversOn, sharedDataFolder } from "../support/process.ts";
import { rowWaiters } from "../support/row-locks.ts";
import { clientOf } from "../support/service.ts";

const root = process.getuid?.() === 0;

async function tokenFor(env: Record<string, string>): Promise<string> {
  const { code, output } = await command(["token", "--service", "test"], env).ended;
  expect(code, output).toBe(0);
  return output.trim();
}

/** A connection to the embedded server, as psql would make it from `.data/url`. */
function embedded(folder: string): postgres.Sql {
  const sql = postgres(readFileSync(join(folder, "url"), "utf8").trim(), { max: 1, onnotice: () => {} });
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

describe.each([
  ["below a folder that anybody may enter", true],
  ["below a folder of mode 0700", false],
])("serve, with its own database %s", (_, reachable) => {
  it("serve starts without any setting, keeps its data across restarts, and leaves no process when it stops", async () => {
    const env = { DATA_DIR: dataFolder({ reachable }) };
    const first = await serve(env);
    const token = await tokenFor(env);
    const user = await clientOf(first.url, token).users.create.mutate(newUser());
    expect((await fetch(new URL("/readyz", first.url))).status).toBe(200);
    expect(serversOn(env.DATA_DIR)).not.toHaveLength(0);
    expect(await first.stop("SIGTERM")).toMatchObject({ code: 0 });
    expect(serversOn(env.DATA_DIR)).toHaveLength(0);

    const second = await serve(env);
    expect(await clientOf(second.url, token).users.byId.query({ id: user.id })).toEqual(user);
    expect(await second.stop("SIGINT")).toMatchObject({ code: 0 });
    expect(serversOn(env.DATA_DIR)).toHaveLength(0);
  });
});

describe("serve", () => {
  const shared = sharedDataFolder();
  let token: string | undefined;
  /** A token of the shared data, which keeps its secret. */
  const sharedToken = async () => (token ??= await tokenFor({ DATA_DIR: shared }));

  it("serve prints its address, the place of its data, and the next commands", async () => {
    const env = { DATA_DIR: shared };
    const service = await serve(env);
    const screen = service.output();
    for (const part of [
      "PostgreSQL 18",
      "npx aeturnis-data token --service",
      "npm run studio",
      `curl ${service.url}/health.status`,
    ]) {
      expect(screen).toContain(part);
    }
    expect(screen).toContain(clusterOf(env.DATA_DIR)?.split("/").at(-1));
    const curl = /curl (\S+)/.exec(screen)?.[1] ?? "";
    expect(await (await fetch(curl)).json()).toMatchObject({ result: { data: { json: { ready: true } } } });
  });

  it("serve creates a UTF-8 database without LANG, and secrets that only their owner can read", async () => {
    const env = { DATA_DIR: shared };
    await serve(env);
    const [row] = await embedded(
      env.DATA_DIR,
    )`select current_setting('server_encoding') as encoding, lower('ÆTHER') as folded`;
    expect(row).toEqual({ encoding: "UTF8", folded: "æther" });
    await tokenFor(env);
    for (const file of ["url", "password", "jwt-secret", "postgres.log"]) {
      expect(statSync(join(env.DATA_DIR, file)).mode & 0o077, file).toBe(0);
    }
  });

  it("serve after kill -9 of the service stops the orphaned server, and has lost no data", async () => {
    const env = { DATA_DIR: shared };
    const first = await serve(env);
    const user = await clientOf(first.url, await sharedToken()).users.create.mutate(newUser());
    await first.stop("SIGKILL");
    const orphans = serversOn(env.DATA_DIR);
    expect(orphans).not.toHaveLength(0);

    const second = await serve(env);
    expect(await clientOf(second.url, await sharedToken()).users.byId.query({ id: user.id })).toEqual(user);
    expect(serversOn(env.DATA_DIR)).not.toEqual(expect.arrayContaining(orphans));
    await second.stop();
    expect(serversOn(env.DATA_DIR)).toHaveLength(0);
  });

  it("serve after kill -9 of service and server ignores a lock file whose process id is in use by another program", async () => {
    const env = { DATA_DIR: shared };
    const first = await serve(env);
    const user = await clientOf(first.url, await sharedToken()).users.create.mutate(newUser());
    const lock = join(clusterOf(env.DATA_DIR) ?? "", "postmaster.pid");
    const postmaster = Number(readFileSync(lock, "utf8").split("\n")[0]);
    await first.stop("SIGKILL");
    process.kill(postmaster, "SIGKILL");
    await eventually(() => expect(serversOn(env.DATA_DIR)).toHaveLength(0));
    // As after a restart of a container, which uses the same process ids again.
    writeFileSync(lock, readFileSync(lock, "utf8").replace(String(postmaster), String(process.pid)));

    const second = await serve(env);
    expect(await clientOf(second.url, await sharedToken()).users.byId.query({ id: user.id })).toEqual(user);
  });

  it("serve after kill -9 of the server restarts it and continues", async () => {
    const env = { DATA_DIR: shared };
    const service = await serve(env);
    const client = clientOf(service.url, await sharedToken());
    const user = await client.users.create.mutate(newUser());
    const lock = join(clusterOf(env.DATA_DIR) ?? "", "postmaster.pid");
    process.kill(Number(readFileSync(lock, "utf8").split("\n")[0]), "SIGKILL");

    await said(service, /has been restarted/);
    await eventually(async () => expect(await client.users.byId.query({ id: user.id })).toEqual(user));
    expect(await service.stop()).toMatchObject({ code: 0 });
    expect(serversOn(env.DATA_DIR)).toHaveLength(0);
  });

  it("a second serve on the same data names the process that uses it and the remedy, and does not disturb the first", async () => {
    const env = { DATA_DIR: shared };
    const first = await serve(env);
    const { code, output } = await command(["serve"], { ...env, PORT: "0" }).ended;
    expect(code).toBe(1);
    expect(output).toContain(`in use by process ${first.child.pid}`);
    expect(output).toContain("DATA_DIR=");
    expect(output).not.toMatch(/^ +at /m);
    expect((await fetch(new URL("/readyz", first.url))).status).toBe(200);
  });

  it("a second serve is refused if it reaches the same data through a link", async () => {
    const env = { DATA_DIR: shared };
    const first = await serve(env);
    const link = `${dataFolder()}-link`;
    symlinkSync(env.DATA_DIR, link);
    const other = dataFolder();
    mkdirSync(other);
    symlinkSync(clusterOf(env.DATA_DIR) ?? "", join(other, "postgres"));
    for (const folder of [link, other]) {
      const { code, output } = await command(["serve"], { DATA_DIR: folder, PORT: "0" }).ended;
      expect(code).toBe(1);
      expect(output).toContain(`in use by process ${first.child.pid}`);
    }
    expect((await fetch(new URL("/readyz", first.url))).status).toBe(200);
    // Otherwise the clean-up would remove the cluster while it runs.
    rmSync(join(other, "postgres"));
    await first.stop();
  });

  it.each(["", "cut"])("serve starts with its data if the files of its secrets are lost (%j)", async (left) => {
    const env = { DATA_DIR: shared };
    const first = await serve(env);
    const user = await clientOf(first.url, await sharedToken()).users.create.mutate(newUser());
    await first.stop();
    for (const file of ["password", "jwt-secret", "url"]) writeFileSync(join(env.DATA_DIR, file), left);

    token = undefined;
    const second = await serve(env);
    expect(await clientOf(second.url, await sharedToken()).users.byId.query({ id: user.id })).toEqual(user);
  });

  it("serve refuses data that is missing or of another version with the reason, and leaves no process", async () => {
    const env = { DATA_DIR: dataFolder(), PORT: "0" };
    await (await serve(env)).stop();
    const refusal = async () => {
      const { code, output } = await command(["serve"], env).ended;
      expect(code).toBe(1);
      expect(output).not.toMatch(/^ +at /m);
      return output;
    };
    const cluster = clusterOf(env.DATA_DIR) ?? "";
    writeFileSync(join(cluster, "PG_VERSION"), "17\n");
    expect(await refusal()).toContain("was made by PostgreSQL 17");
    writeFileSync(join(cluster, "PG_VERSION"), "18\n");
    renameSync(cluster, `${cluster}-elsewhere`);
    rmSync(join(env.DATA_DIR, "postgres"), { force: true });
    symlinkSync(`${cluster}-gone`, join(env.DATA_DIR, "postgres"));
    expect(await refusal()).toContain("is gone");
    rmSync(join(env.DATA_DIR, "postgres"));
    renameSync(`${cluster}-elsewhere`, join(env.DATA_DIR, "postgres"));
  });

  it("serve stops its server even if it must stop at once", async () => {
    const env = { DATA_DIR: shared, SHUTDOWN_TIMEOUT_MS: "60000" };
    const service = await serve(env);
    const client = clientOf(service.url, await sharedToken());
    const user = await client.users.create.mutate(newUser());
    const [sql, other] = [embedded(env.DATA_DIR), embedded(env.DATA_DIR)];
    await sql
      .begin(async (tx) => {
        await tx`select 1 from users where id = ${user.id} for update`;
        const waiting = client.users.updateMany
          .mutate({ rows: [{ id: user.id, metadata: { waits: true } }] })
          .catch(() => {});
        await eventually(async () => expect(await rowWaiters(other)).toHaveLength(1));
        service.child.kill("SIGINT");
        await said(service, /stopping/);
        await eventually(() => {
          service.child.kill("SIGINT");
          expect(service.child.exitCode).toBe(1);
        });
        await waiting;
      })
      .catch(() => {});
    await eventually(() => expect(serversOn(env.DATA_DIR)).toHaveLength(0));
  });

  it("one of two serve commands that start at once on new data runs, and the other one is refused", async () => {
    const env = { DATA_DIR: dataFolder(), PORT: "0" };
    const both = [command(["serve"], env), command(["serve"], env)];
    const loser = await Promise.race(both.map(({ ended }) => ended));
    expect(loser).toMatchObject({ code: 1, output: expect.stringContaining("in use by process") });
    const winner = both.find(({ child }) => child.exitCode === null);
    if (winner === undefined) throw new Error("both ended");
    expect((await fetch(new URL("/readyz", await said(winner, /API +(\S+)/)))).status).toBe(200);
  });

  it("serve on a port that is in use fails in one line, and leaves no process", async () => {
    const first = await serve({ DATA_DIR: shared });
    const env = { DATA_DIR: dataFolder(), PORT: new URL(first.url).port };
    const { code, output } = await command(["serve"], env).ended;
    expect(code).toBe(1);
    expect(output).toMatch(/EADDRINUSE.*PORT/);
    expect(serversOn(env.DATA_DIR)).toHaveLength(0);
  });

  it("serve stops at once if it receives a signal while it waits for its database", async () => {
    const starting = command(["serve"], { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none", DATA_DIR: dataFolder() });
    await said(starting, /trying again/);
    starting.child.kill("SIGTERM");
    const { code, output } = await starting.ended;
    expect(code).toBe(0);
    expect(output).toContain("stopped");
  });

  it("serve in production without DATABASE_URL fails in one sentence, and creates no files", async () => {
    const folder = dataFolder();
    const env = { NODE_ENV: "production", JWT_SECRET: "x".repeat(32), DATA_DIR: folder };
    const { code, output } = await command(["serve"], env).ended;
    expect(code).toBe(1);
    expect(output).toContain("DATABASE_URL must be set in production");
    expect(output).not.toMatch(/^ +at /m);
    expect(existsSync(folder)).toBe(false);
  });

  it.skipIf(!root || !isReachable(import.meta.dirname, { uid: 65534, gid: 65534 }))(
    "serve runs as a user other than root",
    async () => {
      const env = { DATA_DIR: dataFolder({ reachable: true }), HOME: "/nonexistent" };
      mkdirSync(env.DATA_DIR);
      chownSync(env.DATA_DIR, 65534, 65534);
      const service = await serve(env, { uid: 65534, gid: 65534 });
      expect((await fetch(new URL("/readyz", service.url))).status).toBe(200);
      expect(await service.stop()).toMatchObject({ code: 0 });
      expect(serversOn(env.DATA_DIR)).toHaveLength(0);
    },
  );
});
