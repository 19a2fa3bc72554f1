import { TRPCClientError } from "@trpc/client";
import { beforeAll, describe, expect, it } from "vitest";
import { newUser, passwordHash } from "../support/factories.ts";
import { account, clientOf, serviceToken, useService } from "../support/service.ts";

const service = useService();
let client: ReturnType<typeof clientOf>;
let admin: ReturnType<typeof clientOf>;
beforeAll(async () => {
  client = clientOf(service.url, serviceToken);
  admin = clientOf(service.url, (await account(service.database.sql, "admin")).token);
});

const unknownId = "00000000-0000-4000-8000-000000000000";

/** What a refused call says: its code, the field at fault, and its message. */
async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => expect.fail("the call should have been refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof TRPCClientError)) throw error;
  return { code: error.data.code, field: error.data.field, message: error.message };
}

describe("users.create", () => {
  it("stores the user and gives it back, without its hash", async () => {
    const input = newUser({ metadata: { level: 3, guild: { name: "Æther" } } });
    const user = await client.users.create.mutate(input);

    expect(user).toMatchObject({
      email: input.email,
      username: input.username,
      metadata: input.metadata,
      status: "active",
      role: "user",
      emailVerified: false,
      lastLogin: null,
    });
    expect(user.createdAt).toBeInstanceOf(Date);
    expect(Object.keys(user)).not.toContain("passwordHash");
    const [row] = await service.database.sql`select password_hash from users where id = ${user.id}`;
    expect(row?.["password_hash"]).toBe(passwordHash);
  });

  it("gives the user a time-ordered id", async () => {
    const { id } = await client.users.create.mutate(newUser());
    expect(id[14]).toBe("7");
  });

  it("refuses an email that another account has, whatever its case, and names the field", async () => {
    const taken = newUser();
    await client.users.create.mutate(taken);
    for (const email of [taken.email, taken.email.toUpperCase()]) {
      expect(await refusal(client.users.create.mutate(newUser({ email })))).toEqual({
        code: "CONFLICT",
        field: "email",
        message: "This email belongs to another account.",
      });
    }
  });

  it("refuses a username that another account has, whatever its case, and names the field", async () => {
    const taken = newUser();
    await client.users.create.mutate(taken);
    expect(
      await refusal(client.users.create.mutate(newUser({ username: taken.username.toUpperCase() }))),
    ).toMatchObject({ code: "CONFLICT", field: "username" });
  });

  it("lets exactly one of many callers have a name that all ask for at once", async () => {
    const { username } = newUser();
    const spellings = Array.from({ length: 16 }, (_, n) => (n % 2 ? username : username.toUpperCase()));
    const results = await Promise.allSettled(
      spellings.map((spelling) => client.users.create.mutate(newUser({ username: spelling }))),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const [row] = await service.database
      .sql`select count(*)::int from users where lower(username) = lower(${username})`;
    expect(row?.["count"]).toBe(1);
  });

  it.each([
    ["email", { email: "not an email" }],
    ["email", { email: `${"a".repeat(250)}@example.com` }],
    ["username", { username: "ab" }],
    ["username", { username: "a".repeat(51) }],
    ["username", { username: "with space" }],
    ["passwordHash", { passwordHash: "correct horse battery staple" }],
    ["metadata", { metadata: { note: "x".repeat(20_000) } }],
    ["metadata.note", { metadata: { note: "nul\u0000" } }],
    ["metadata.note", { metadata: { note: "half a pair \ud800" } }],
    ["metadata", { metadata: "text" as unknown as Record<string, unknown> }],
  ])("refuses a bad %s and names it", async (field, overrides) => {
    const refused = await refusal(client.users.create.mutate({ ...newUser(), ...overrides }));
    expect(refused).toMatchObject({ code: "BAD_REQUEST", field });
    expect(refused.message).toContain(`${field}: `);
  });

  it("refuses a field that it does not know, such as role, rather than ignoring it", async () => {
    const input = { ...newUser(), role: "admin" };
    expect(await refusal(client.users.create.mutate(input))).toMatchObject({ code: "BAD_REQUEST" });
  });
});

describe("look-ups", () => {
  it("find a user by id, and by email and username in any case", async () => {
    const user = await client.users.create.mutate(newUser());
    expect(await client.users.byId.query({ id: user.id })).toEqual(user);
    expect(await client.users.byEmail.query({ email: user.email.toUpperCase() })).toEqual(user);
    expect(await client.users.byUsername.query({ username: user.username.toUpperCase() })).toEqual(user);
  });

  it("say NOT_FOUND for a user who is not there", async () => {
    expect(await refusal(client.users.byId.query({ id: unknownId }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(client.users.byEmail.query({ email: "no@example.com" }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(client.users.byUsername.query({ username: "no" }))).toMatchObject({ code: "NOT_FOUND" });
  });

  it("say BAD_REQUEST and name the field for a bad UUID", async () => {
    expect(await refusal(client.users.byId.query({ id: "42" }))).toEqual({
      code: "BAD_REQUEST",
      field: "id",
      message: "id: must be a UUID",
    });
  });

  it("do not see a softly deleted user", async () => {
    const user = await client.users.create.mutate(newUser());
    await service.database.sql`update users set deleted_at = now() where id = ${user.id}`;
    expect(await refusal(client.users.byId.query({ id: user.id }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(client.users.byEmail.query({ email: user.email }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(admin.users.update.mutate({ id: user.id, metadata: {} }))).toMatchObject({
      code: "NOT_FOUND",
    });
  });
});

describe("users.update", () => {
  it("changes what is given, leaves the rest, and raises updatedAt", async () => {
    const user = await client.users.create.mutate(newUser({ metadata: { level: 1 } }));
    const updated = await admin.users.update.mutate({ id: user.id, metadata: { level: 2 } });
    expect(updated).toEqual({ ...user, metadata: { level: 2 }, updatedAt: updated.updatedAt });
    expect(updated.updatedAt.getTime()).toBeGreaterThanOrEqual(user.updatedAt.getTime());
    expect(await client.users.byId.query({ id: user.id })).toEqual(updated);
  });

  it("refuses a taken name, an unknown user, and a change of nothing", async () => {
    const [one, other] = [await client.users.create.mutate(newUser()), await client.users.create.mutate(newUser())];
    expect(await refusal(admin.users.update.mutate({ id: one.id, email: other.email }))).toMatchObject({
      code: "CONFLICT",
      field: "email",
    });
    expect(await refusal(admin.users.update.mutate({ id: unknownId, username: "somebody" }))).toMatchObject({
      code: "NOT_FOUND",
    });
    expect(await refusal(admin.users.update.mutate({ id: one.id }))).toMatchObject({ code: "BAD_REQUEST" });
  });
});
