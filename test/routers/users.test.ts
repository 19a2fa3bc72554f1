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
  it("stores the user and gives it back, without its hash", async () => {
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
        message: "This email is taken.",
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
    // Looking for the number at its end would take minutes.
    ["username", { username: `${"1".repeat(1_000_000)}x` }],
    ["passwordHash", { passwordHash: "correct horse battery staple" }],
    ["metadata", { metadata: { note: "x".repeat(20_000) } }],
    ["metadata", { metadata: { large: Array(60).fill(1e300) } }],
    ["metadata", { metadata: { small: Array(60).fill(-1e-300) } }],
    ["metadata", { metadata: { precise: Array(700).fill(1 / 8_100_000) } }],
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
    expect(await refusal(client.users.create.mutate(input))).toMatchObject({
      code: "BAD_REQUEST",
      field: "role",
      message: "role: is not known here",
    });
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

describe("an account's own update", () => {
  it("changes the account that the token is of, named or not", async () => {
    const own = await account(service.database.sql);
    const mine = clientOf(service.url, own.token);
    expect(await mine.users.update.mutate({ username: `${own.username}_2` })).toMatchObject({ id: own.id });
    expect(await mine.users.update.mutate({ id: own.id, metadata: { a: 1 } })).toMatchObject({ metadata: { a: 1 } });
    expect(await mine.users.me.query()).toMatchObject({ username: `${own.username}_2`, metadata: { a: 1 } });
  });

  it("takes nothing that is not the account's own to say", async () => {
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

  it("of the email makes it unverified, unless only its case changed", async () => {
    const own = await account(service.database.sql);
    const mine = clientOf(service.url, own.token);
    await service.database.sql`update users set email_verified = true where id = ${own.id}`;
    expect(await mine.users.update.mutate({ email: own.email.toUpperCase() })).toMatchObject({
      emailVerified: true,
      email: own.email,
    });
    expect(await mine.users.update.mutate({ email: `new-${own.email}` })).toMatchObject({ emailVerified: false });
  });

  it("that carries the version it saw is refused when somebody was faster, and changes nothing", async () => {
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
    "with the version %s, which no account has, is refused by name",
    async (time) => {
      const own = await account(service.database.sql);
      const change = { metadata: {}, updatedAt: new Date(time) };
      expect(await refusal(clientOf(service.url, own.token).users.update.mutate(change))).toMatchObject({
        code: "BAD_REQUEST",
        field: "updatedAt",
      });
    },
  );

  it("of one version by sixteen at once is made by exactly one", async () => {
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
    ["fifty-one", "a".repeat(51)],
    ["a space", "a b c"],
    ["a letter that looks like another", "аdmin1x"],
    ["an accent", "Mirá"],
    ["full-width letters", "ｍｉｒａ"],
    ["an emoji", "mira😀"],
    ["a zero-width joiner", "mi\u200dra"],
    ["a line break", "mira\n"],
    ["a reserved name", "Admin"],
    ["a reserved name in disguise", "_aD-min_7"],
  ])("of %s are refused by name", async (_, username) => {
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
  ])("the email %s is refused by name", async (email) => {
    expect(await refusal(client.users.create.mutate(newUser({ email })))).toMatchObject({
      code: "BAD_REQUEST",
      field: "email",
    });
  });

  it("an email is kept without spaces around it and in lower case", async () => {
    const { email } = newUser();
    expect(await client.users.create.mutate(newUser({ email: `  ${email.toUpperCase()} ` }))).toMatchObject({ email });
    expect(await client.users.byEmail.query({ email: ` ${email.toUpperCase()}` })).toMatchObject({ email });
  });
});

describe("deleting", () => {
  it("hides the user, keeps the name taken, and can be taken back", async () => {
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

  it("of many reports those that are not there, and deletes the others only when that was asked for", async () => {
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
  it("are created by their thousands, and those that are refused are named by their place", async () => {
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
    // Of two that are alike the first is written, whatever the rest of them is.
    const { username } = newUser();
    const alike = ["z", "a"].map((letter) => newUser({ username, email: `${letter}${newUser().email}` }));
    expect(await client.users.createMany.mutate({ rows: alike, atomic: false })).toMatchObject({
      written: 1,
      refused: [{ index: 1, field: "username" }],
    });
  });

  it("are changed each in its own way", async () => {
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

  it("are not made administrators", async () => {
    const user = await client.users.create.mutate(newUser());
    const { refused } = await client.users.updateMany.mutate({ rows: [{ id: user.id, role: "admin" } as never] });
    expect(refused).toMatchObject([{ index: 0, code: "BAD_REQUEST" }]);
  });
});
