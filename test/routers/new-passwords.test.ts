import { describe, expect, it, onTestFinished } from "vitest";
import { verifyPassword } from "../../src/identity/password/verify-password.ts";
import { createDatabase } from "../support/database.ts";
import { newUser, passwordHash } from "../support/factories.ts";
import { readableLog } from "../support/log.ts";
import { refusal } from "../support/rejection.ts";
import { clientOf, serviceForTest, serviceToken, useService } from "../support/service.ts";

const service = useService();
const client = () => clientOf(service.url, serviceToken);
const password = "correct horse battery staple";

/** A new user without a hash. */
const withoutHash = () => {
  const { passwordHash: _, ...user } = newUser();
  return user;
};

const hashOf = async (email: string) => {
  const [row] = await service.database.sql`select password_hash from users where email = ${email}`;
  return row?.["password_hash"] as string | undefined;
};

describe("users.create with a password", () => {
  it("users.create stores the hash of a password, and answers neither of them", async () => {
    const user = withoutHash();
    const created = await client().users.create.mutate({ ...user, password });
    expect(Object.keys(created)).not.toContain("password");
    expect(Object.keys(created)).not.toContain("passwordHash");
    const hash = await hashOf(user.email);
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await verifyPassword(hash ?? "", password)).toBe(true);
  });

  it.each([
    ["neither of them", {}, "password: is missing: give either password or passwordHash"],
    ["both", { password, passwordHash }, "password: must not be given together with passwordHash: give one of them"],
  ])("users.create refuses an account with %s of password and passwordHash", async (_, fields, message) => {
    const input = { ...withoutHash(), ...fields } as ReturnType<typeof newUser>;
    expect(await refusal(client().users.create.mutate(input))).toEqual({
      code: "BAD_REQUEST",
      field: "password",
      message,
    });
  });

  it.each([
    ["short", "fourteen lette", /^password: must have at least 15 characters/],
    ["common", "passwordpassword", /^password: is one of the most common passwords/],
    ["not Unicode", `${password} \ud800`, /unpaired surrogate/],
  ])("users.create refuses a password that is %s, and names the rule", async (_, refused, message) => {
    expect(await refusal(client().users.create.mutate({ ...withoutHash(), password: refused }))).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(message),
    });
  });

  it("users.create refuses the username of the new account as its password", async () => {
    const user = { ...withoutHash(), username: "captain-nemo-of-the-nautilus" };
    const call = client().users.create.mutate({ ...user, password: "Captain Nemo of the Nautilus!" });
    expect(await refusal(call)).toMatchObject({ field: "password" });
  });
});

describe("users.createMany with passwords", () => {
  it("users.createMany stores hashes of passwords beside hashes that are given", async () => {
    const [first, second] = [withoutHash(), newUser()];
    const report = await client().users.createMany.mutate({ rows: [{ ...first, password }, second] });
    expect(report).toEqual({ written: 2, refused: [] });
    expect(await verifyPassword((await hashOf(first.email)) ?? "", password)).toBe(true);
    expect(await hashOf(second.email)).toBe(passwordHash);
  });

  const mixed = () => [
    { ...withoutHash(), password },
    { ...withoutHash(), password: "too short" },
    withoutHash() as ReturnType<typeof newUser>,
    { ...newUser(), username: "x" },
    newUser(),
  ];
  const refused = [
    { index: 1, code: "BAD_REQUEST", field: "password", message: expect.stringMatching(/^must have at least 15/) },
    { index: 2, code: "BAD_REQUEST", field: "password", message: expect.stringMatching(/either password or/) },
    { index: 3, code: "BAD_REQUEST", field: "username", message: expect.any(String) },
  ];

  it("users.createMany reports refused passwords by their rows and writes the others, if it is not atomic", async () => {
    const rows = mixed();
    expect(await client().users.createMany.mutate({ rows, atomic: false })).toEqual({ written: 2, refused });
    expect(await hashOf(rows[0]?.email ?? "")).toMatch(/^\$argon2id/);
    expect(await hashOf(rows[4]?.email ?? "")).toBe(passwordHash);
  });

  it("users.createMany writes no row if a password is refused, if it is atomic", async () => {
    const rows = mixed();
    expect(await client().users.createMany.mutate({ rows })).toEqual({ written: 0, refused });
    expect(await hashOf(rows[4]?.email ?? "")).toBeUndefined();
  });

  it("users.createMany refuses more than 100 rows with a password, with the remedy", async () => {
    const rows = Array.from({ length: 101 }, () => ({ ...withoutHash(), password }));
    expect(await refusal(client().users.createMany.mutate({ rows }))).toEqual({
      code: "BAD_REQUEST",
      field: "rows",
      message:
        "rows: at most 100 rows of a call may have a password, and 101 have one: make several calls, or send passwordHash",
    });
  });
});

it("no log line, answer, account or audit row contains a password", async () => {
  const { log, lines } = readableLog("trace");
  const database = await createDatabase();
  onTestFinished(database.drop);
  const { url } = await serviceForTest(database.url, { log });
  const secret = "the s3cret of seven swans";
  const user = withoutHash();
  const post = async (path: string, body: object | string, method = "POST") => {
    const response = await fetch(`${url}/${path}`, {
      method,
      headers: { authorization: `Bearer ${serviceToken}`, "content-type": "application/json" },
      ...(method === "POST" && { body: typeof body === "string" ? body : JSON.stringify({ json: body }) }),
    });
    return response.text();
  };
  const query = encodeURIComponent(JSON.stringify({ json: { ...user, password: secret } }));
  const answers = [
    await post("users.create", { ...user, password: secret }),
    // Taken.
    await post("users.create", { ...user, password: secret }),
    // Against the rules, of a wrong type, with a hash, with another unknown field, in a wrong place.
    await post("users.create", { ...withoutHash(), password: secret.repeat(20) }),
    await post("users.create", { ...withoutHash(), password: { text: secret } }),
    await post("users.create", { ...newUser(), password: secret }),
    await post("users.create", { ...withoutHash(), password: secret, newPassword: secret }),
    await post("users.create", { ...withoutHash(), passwordHash: secret }),
    await post("users.createMany", { rows: [{ ...withoutHash(), password: secret }, { password: secret }] }),
    await post("users.create", `{"json":{"password":"${secret}"`),
    await post(`users.create?input=${query}`, {}, "GET"),
  ];
  const rows = await database.sql`
    select to_jsonb(users)::text as text from users union all select to_jsonb(audit_log)::text from audit_log`;
  const everything = JSON.stringify([answers, lines, rows]);
  expect(rows.length).toBeGreaterThan(1);
  expect(lines.length).toBeGreaterThan(8);
  expect(everything).toContain(user.email);
  expect(everything).not.toContain("s3cret");
});
