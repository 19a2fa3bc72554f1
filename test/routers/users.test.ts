import { beforeAll, describe, expect, it } from "vitest";
import { newUser, passwordHash } from "../support/factories.ts";
import { refusal } from "../support/rejection.ts";
import { account, clientOf, serviceToken, useService } from "../support/service.ts";

const service = useService();
let client: ReturnType<typeof clientOf>;
let admin: ReturnType<typeof clientOf>;
beforeAll(async () => {
  client = clientOf(service.url, serviceToken);
  admin = clientOf(service.url, (await account(service.database.sql, "admin")).token);
});

const unknownId = "00000000-0000-4000-8000-000000000000";

describe("users.create", () => {
  it("users.create stores the user and returns it without its hash", async () => {
    const input = newUser({ metadata: { level: 3, guild: { name: "Æther" }, ratios: Array(50).fill(1e-300) } });
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

  it("users.create assigns a time-ordered id (UUIDv7)", async () => {
    const { id } = await client.users.create.mutate(newUser());
    expect(id[14]).toBe("7");
  });

  it("users.create refuses an email of another account in any case, and names the field", async () => {
    const taken = newUser();
    await client.users.create.mutate(taken);
    for (const email of [taken.email, taken.email.toUpperCase()]) {
      expect(await refusal(client.users.create.mutate(newUser({ email })))).toEqual({
        code: "CONFLICT",
        field: "email",
        message: "This email is taken.",
      });
    }
  });

  it("users.create refuses a username of another account in any case, and names the field", async () => {
    const taken = newUser();
    await client.users.create.mutate(taken);
    expect(
      await refusal(client.users.create.mutate(newUser({ username: taken.username.toUpperCase() }))),
    ).toMatchObject({ code: "CONFLICT", field: "username" });
  });

  it("users.create gives a username to exactly one of 16 concurrent calls", async () => {
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
    // Matching reserved names with numbers must not backtrack.
    ["username", { username: `${"1".repeat(1_000_000)}x` }],
    ["passwordHash", { passwordHash: "correct horse battery staple" }],
    ["metadata", { metadata: { note: "x".repeat(20_000) } }],
    ["metadata", { metadata: { large: Array(60).fill(1e300) } }],
    ["metadata", { metadata: { small: Array(60).fill(-1e-300) } }],
    ["metadata", { metadata: { precise: Array(700).fill(1 / 8_100_000) } }],
    ["metadata.note", { metadata: { note: "nul\u0000" } }],
    ["metadata.note", { metadata: { note: "half a pair \ud800" } }],
    ["metadata", { metadata: "text" as unknown as Record<string, unknown> }],
  ])("users.create refuses an invalid %s and names the field", async (field, overrides) => {
    const refused = await refusal(client.users.create.mutate({ ...newUser(), ...overrides }));
    expect(refused).toMatchObject({ code: "BAD_REQUEST", field });
    expect(refused.message).toContain(`${field}: `);
  });

  it("users.create refuses an unknown field, such as role", async () => {
    const input = { ...newUser(), role: "admin" };
    expect(await refusal(client.users.create.mutate(input))).toMatchObject({
      code: "BAD_REQUEST",
      field: "role",
      message: "role: is not known here",
    });
  });
});

describe("look-ups", () => {
  it("look-ups find a user by id, and by email and username in any case", async () => {
    const user = await client.users.create.mutate(newUser());
    expect(await client.users.byId.query({ id: user.id })).toEqual(user);
    expect(await client.users.byEmail.query({ email: user.email.toUpperCase() })).toEqual(user);
    expect(await client.users.byUsername.query({ username: user.username.toUpperCase() })).toEqual(user);
  });

  it("look-ups report NOT_FOUND for an unknown user", async () => {
    expect(await refusal(client.users.byId.query({ id: unknownId }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(client.users.byEmail.query({ email: "no@example.com" }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(client.users.byUsername.query({ username: "no" }))).toMatchObject({ code: "NOT_FOUND" });
  });

  it("look-ups report BAD_REQUEST and the field for an invalid UUID", async () => {
    expect(await refusal(client.users.byId.query({ id: "42" }))).toEqual({
      code: "BAD_REQUEST",
      field: "id",
      message: "id: must be a UUID",
    });
  });

  it("look-ups and updates do not find a deleted user", async () => {
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
  it("users.update changes the given fields only, and raises updatedAt", async () => {
    const user = await client.users.create.mutate(newUser({ metadata: { level: 1 } }));
    const updated = await admin.users.update.mutate({ id: user.id, metadata: { level: 2 } });
    expect(updated).toEqual({ ...user, metadata: { level: 2 }, updatedAt: updated.updatedAt });
    expect(updated.updatedAt.getTime()).toBeGreaterThanOrEqual(user.updatedAt.getTime());
    expect(await client.users.byId.query({ id: user.id })).toEqual(updated);
  });

  it("users.update refuses a taken email, an unknown user and an empty change", async () => {
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

describe("an account's own update", () => {
  it("a player updates their own account, with or without its id", async () => {
    const own = await account(service.database.sql);
    const mine = clientOf(service.url, own.token);
    expect(await mine.users.update.mutate({ username: `${own.username}_2` })).toMatchObject({ id: own.id });
    expect(await mine.users.update.mutate({ id: own.id, metadata: { a: 1 } })).toMatchObject({ metadata: { a: 1 } });
    expect(await mine.users.me.query()).toMatchObject({ username: `${own.username}_2`, metadata: { a: 1 } });
  });

  it("a player cannot change role, status, hash or verification of their account", async () => {
    const own = await account(service.database.sql);
    const mine = clientOf(service.url, own.token);
    for (const more of [
      { role: "admin" },
      { status: "active" },
      { emailVerified: true },
      { passwordHash },
      { deletedAt: null },
    ]) {
      expect(await refusal(mine.users.update.mutate({ username: "another", ...more } as never))).toMatchObject({
        code: "BAD_REQUEST",
      });
    }
  });

  it("a changed email becomes unverified, unless only its case changes", async () => {
    const { id, email } = await account(service.database.sql);
    await service.database.sql`update users set email_verified = true where id = ${id}`;
    expect(await admin.users.update.mutate({ id, email: email.toUpperCase() })).toMatchObject({
      emailVerified: true,
      email,
    });
    expect(await admin.users.update.mutate({ id, email: `new-${email}` })).toMatchObject({ emailVerified: false });
  });

  it.each(["user", "moderator"] as const)(
    "a %s cannot change the email of their account, taken or not",
    async (role) => {
      const [own, other] = [await account(service.database.sql, role), await account(service.database.sql)];
      for (const email of [other.email, `new-${own.email}`])
        expect(await refusal(clientOf(service.url, own.token).users.update.mutate({ email }))).toMatchObject({
          code: "FORBIDDEN",
          field: "email",
        });
    },
  );

  it("a sign-in does not change the version of the account", async () => {
    const { id, token } = await account(service.database.sql);
    const mine = clientOf(service.url, token);
    const { updatedAt } = await mine.users.me.query();
    await service.database.sql`update users set last_login = now() where id = ${id}`;
    const changed = await mine.users.update.mutate({ metadata: { a: 1 }, updatedAt });
    expect(changed.lastLogin).not.toBeNull();
    expect(changed.updatedAt.getTime()).toBeGreaterThan(updatedAt.getTime());
  });

  it("an update with an outdated version is refused and changes nothing", async () => {
    const own = await account(service.database.sql);
    const mine = clientOf(service.url, own.token);
    const seen = await mine.users.me.query();
    const changed = await mine.users.update.mutate({ metadata: { first: true }, updatedAt: seen.updatedAt });
    expect(
      await refusal(mine.users.update.mutate({ metadata: { second: true }, updatedAt: seen.updatedAt })),
    ).toMatchObject({
      code: "CONFLICT",
      field: "updatedAt",
    });
    expect(await mine.users.me.query()).toEqual(changed);
    expect(await mine.users.update.mutate({ metadata: {}, updatedAt: changed.updatedAt })).toMatchObject({
      metadata: {},
    });
  });

  it.each(["0000-01-01", "-000001-01-01T00:00:00Z", "+275760-09-13"])(
    "an update with the version %s, which no account can have, is refused",
    async (time) => {
      const own = await account(service.database.sql);
      const change = { metadata: {}, updatedAt: new Date(time) };
      expect(await refusal(clientOf(service.url, own.token).users.update.mutate(change))).toMatchObject({
        code: "BAD_REQUEST",
        field: "updatedAt",
      });
    },
  );

  it("exactly one of 16 concurrent updates of one version succeeds", async () => {
    const own = await account(service.database.sql);
    const { updatedAt } = await clientOf(service.url, own.token).users.me.query();
    const tries = Array.from({ length: 16 }, (_, n) =>
      clientOf(service.url, own.token)
        .users.update.mutate({ metadata: { n }, updatedAt })
        .then(
          () => "made",
          (error) => error.data.code,
        ),
    );
    expect((await Promise.all(tries)).sort()).toEqual([...Array(15).fill("CONFLICT"), "made"]);
  });
});

describe("names", () => {
  it.each([
    ["two letters", "ab"],
    ["fifty-one letters", "a".repeat(51)],
    ["a space", "a b c"],
    ["a Cyrillic letter", "аdmin1x"],
    ["an accent", "Mirá"],
    ["full-width letters", "ｍｉｒａ"],
    ["an emoji", "mira😀"],
    ["a zero-width joiner", "mi\u200dra"],
    ["a line break", "mira\n"],
    ["a reserved name", "Admin"],
    ["a reserved name with separators", "_aD-min_7"],
  ])("users.create refuses a username with %s", async (_, username) => {
    expect(await refusal(client.users.create.mutate(newUser({ username })))).toMatchObject({
      code: "BAD_REQUEST",
      field: "username",
    });
  });

  it.each([
    "no-at.example.com",
    "a@b",
    "a b@example.com",
    `${"a".repeat(250)}@example.com`,
    "@example.com",
    "a@@example.com",
  ])("users.create refuses the email %s and names the field", async (email) => {
    expect(await refusal(client.users.create.mutate(newUser({ email })))).toMatchObject({
      code: "BAD_REQUEST",
      field: "email",
    });
  });

  it("users.create stores an email in lower case and without surrounding spaces", async () => {
    const { email } = newUser();
    expect(await client.users.create.mutate(newUser({ email: `  ${email.toUpperCase()} ` }))).toMatchObject({ email });
    expect(await client.users.byEmail.query({ email: ` ${email.toUpperCase()}` })).toMatchObject({ email });
  });
});

describe("deleting", () => {
  it("users.delete hides a user and keeps its username taken until it is restored", async () => {
    const user = await client.users.create.mutate(newUser());
    await admin.users.delete.mutate({ id: user.id });
    expect(await refusal(client.users.byId.query({ id: user.id }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(client.users.create.mutate(newUser({ username: user.username.toUpperCase() })))).toMatchObject(
      {
        code: "CONFLICT",
        field: "username",
      },
    );
    expect(await refusal(admin.users.delete.mutate({ id: user.id }))).toMatchObject({ code: "NOT_FOUND" });
    expect((await admin.users.list.query({ deleted: "only", where: { id: user.id } })).items).toHaveLength(1);
    expect(await refusal(client.users.list.query({ deleted: "with" }))).toMatchObject({
      code: "FORBIDDEN",
      field: "deleted",
    });

    await admin.users.restore.mutate({ id: user.id });
    expect(await client.users.byId.query({ id: user.id })).toMatchObject({ username: user.username });
    expect(await refusal(admin.users.restore.mutate({ id: user.id }))).toMatchObject({ code: "NOT_FOUND" });
  });

  it("users.deleteMany reports unknown ids, and deletes the others only if it is not atomic", async () => {
    const users = [await client.users.create.mutate(newUser()), await client.users.create.mutate(newUser())];
    const ids = [users[0]?.id ?? "", unknownId, users[1]?.id ?? ""];
    const refused = [{ index: 1, code: "NOT_FOUND", field: "id", message: "There is no such user." }];
    expect(await client.users.deleteMany.mutate({ ids })).toEqual({ written: 0, refused });
    expect(await client.users.byId.query({ id: ids[0] ?? "" })).toBeDefined();
    expect(await client.users.deleteMany.mutate({ ids, atomic: false })).toEqual({ written: 2, refused });
    expect(await refusal(client.users.byId.query({ id: ids[2] ?? "" }))).toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("many at once", () => {
  it("users.createMany reports rejected rows by index, and writes the others only if it is not atomic", async () => {
    const rows = Array.from({ length: 1_500 }, () => newUser());
    const taken = await client.users.create.mutate(newUser());
    const bad = [...rows, newUser({ email: taken.email.toUpperCase() }), newUser({ username: "x" })];
    expect(await client.users.createMany.mutate({ rows: bad })).toEqual({
      written: 0,
      refused: [
        { index: 1_500, code: "CONFLICT", field: "email", message: "This email is taken." },
        { index: 1_501, code: "BAD_REQUEST", field: "username", message: expect.stringContaining("3 to 50") },
      ],
    });
    expect(await client.users.createMany.mutate({ rows: bad, atomic: false })).toMatchObject({ written: 1_500 });
    expect(await client.users.createMany.mutate({ rows, atomic: false })).toMatchObject({ written: 0 });
    // Of two rows with one username, the first is written.
    const { username } = newUser();
    const alike = ["z", "a"].map((letter) => newUser({ username, email: `${letter}${newUser().email}` }));
    expect(await client.users.createMany.mutate({ rows: alike, atomic: false })).toMatchObject({
      written: 1,
      refused: [{ index: 1, field: "username" }],
    });
  });

  it("users.updateMany changes each row in its own way", async () => {
    const [one, other] = [await client.users.create.mutate(newUser()), await client.users.create.mutate(newUser())];
    const rows = [
      { id: one.id, status: "banned" as const },
      { id: other.id, metadata: { level: 3 }, updatedAt: other.updatedAt },
    ];
    expect(await client.users.updateMany.mutate({ rows })).toEqual({ written: 2, refused: [] });
    expect(await client.users.byId.query({ id: one.id })).toMatchObject({ status: "banned", metadata: {} });
    expect(await client.users.byId.query({ id: other.id })).toMatchObject({ status: "active", metadata: { level: 3 } });
    expect((await client.users.updateMany.mutate({ rows })).refused).toMatchObject([
      { index: 1, code: "CONFLICT", field: "updatedAt" },
    ]);
  });

  it("users.updateMany cannot change a role", async () => {
    const user = await client.users.create.mutate(newUser());
    const { refused } = await client.users.updateMany.mutate({ rows: [{ id: user.id, role: "admin" } as never] });
    expect(refused).toMatchObject([{ index: 0, code: "BAD_REQUEST" }]);
  });
});
