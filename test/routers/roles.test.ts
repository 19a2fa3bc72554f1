import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { refusal } from "../support/rejection.ts";
import { rowWaiters } from "../support/row-locks.ts";
import { account, clientOf, startService } from "../support/service.ts";

let database: TestDatabase;
let service: Awaited<ReturnType<typeof startService>>;
beforeAll(async () => {
  database = await createDatabase();
  service = await startService(database.url);
});
afterAll(async () => {
  await service.close();
  await database.drop();
});

const as = ({ token }: { token: string }) => clientOf(service.url, token);

describe("the last active administrator", () => {
  it("the last active administrator cannot be demoted, suspended or deleted, by a call or by SQL", async () => {
    const { sql } = database;
    await sql`update users set role = 'user'`.catch(() => {});
    const only = await account(sql, "admin");
    await sql`update users set role = 'user' where id <> ${only.id}`;
    const lost = { code: "CONFLICT", message: "This is the last active administrator: appoint another one first." };
    const client = as(only);
    expect(await refusal(client.users.setRole.mutate({ id: only.id, role: "moderator" }))).toMatchObject(lost);
    expect(await refusal(client.users.setStatus.mutate({ id: only.id, status: "banned" }))).toMatchObject(lost);
    expect(await refusal(client.users.delete.mutate({ id: only.id }))).toMatchObject(lost);
    expect((await client.users.deleteMany.mutate({ ids: [only.id], atomic: false })).refused).toMatchObject([
      { code: "CONFLICT" },
    ]);
    await expect(sql`delete from users`).rejects.toMatchObject({ code: "23001" });
    await expect(sql`update users set status = 'suspended'`).rejects.toMatchObject({ code: "23001" });

    const next = await account(sql);
    await client.users.setRole.mutate({ id: next.id, role: "admin" });
    expect(await client.users.setRole.mutate({ id: only.id, role: "user" })).toMatchObject({ role: "user" });
  });

  it("one administrator remains when all demote each other at the same time", async () => {
    for (let round = 0; round < 5; round++) {
      const admins = [
        await account(database.sql, "admin"),
        await account(database.sql, "admin"),
        await account(database.sql, "admin"),
      ];
      await database.sql`update users set role = 'user' where role = 'admin' and id not in ${database.sql(admins.map(({ id }) => id))}`;
      await Promise.allSettled(
        admins.map((admin, index) =>
          as(admin).users.setRole.mutate({ id: admins[(index + 1) % 3]?.id ?? "", role: "user" }),
        ),
      );
      const [{ left } = {}] = await database.sql`select count(*)::int as left from users where role = 'admin'`;
      expect(left).toBeGreaterThanOrEqual(1);
    }
  });
});

describe("a moderator", () => {
  it("a moderator may ban and unban players, and no other accounts", async () => {
    const moderator = await account(database.sql, "moderator");
    const player = await account(database.sql);
    const client = as(moderator);
    expect(await client.users.setStatus.mutate({ id: player.id, status: "banned" })).toMatchObject({
      status: "banned",
    });
    expect(await client.users.setStatus.mutate({ id: player.id, status: "active" })).toMatchObject({
      status: "active",
    });
    for (const other of [await account(database.sql, "moderator"), await account(database.sql, "admin"), moderator]) {
      expect(await refusal(client.users.setStatus.mutate({ id: other.id, status: "banned" }))).toMatchObject({
        code: "FORBIDDEN",
      });
      expect(await database.sql`select status from users where id = ${other.id}`).toEqual([{ status: "active" }]);
    }
  });

  it("a moderator's ban fails if its player becomes a moderator at the same time", async () => {
    const moderator = await account(database.sql, "moderator");
    const player = await account(database.sql);
    // The promotion locks the row. The ban was authorized before, and its statement waits.
    const banned = await database.sql.begin(async (tx) => {
      await tx`update users set role = 'moderator' where id = ${player.id}`;
      const ban = refusal(as(moderator).users.setStatus.mutate({ id: player.id, status: "banned" }));
      await eventually(async () => expect(await rowWaiters(database.sql)).toHaveLength(1));
      return { ban };
    });
    expect(await banned.ban).toMatchObject({ code: "FORBIDDEN" });
    expect(await database.sql`select status from users where id = ${player.id}`).toEqual([{ status: "active" }]);
  });
});

it("an account cannot raise its own role", async () => {
  for (const role of ["user", "moderator"] as const) {
    const own = await account(database.sql, role);
    expect(await refusal(as(own).users.setRole.mutate({ id: own.id, role: "admin" }))).toMatchObject({
      code: "FORBIDDEN",
    });
  }
});
