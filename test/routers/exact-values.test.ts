import { createTRPCClient, httpBatchStreamLink } from "@trpc/client";
import fc from "fast-check";
import superjson from "superjson";
import { beforeAll, describe, expect, it } from "vitest";
import { isExactNumber } from "../../src/json/numbers.ts";
import type { AppRouter } from "../../src/routers/app-router.ts";
import { newUser } from "../support/factories.ts";
import { refusal } from "../support/rejection.ts";
import { account, clientOf, serviceToken, useService } from "../support/service.ts";

const service = useService();
let client: ReturnType<typeof clientOf>;
let admin: string;
beforeAll(async () => {
  client = clientOf(service.url, serviceToken);
  admin = (await account(service.database.sql, "admin")).token;
});

const inexact = [
  "12345678901234567890",
  "9007199254740993",
  "1e400",
  "-1e400",
  "1e-400",
  "0.1000000000000000055511151231257827",
];

interface Answer {
  error?: { json: { message: string; data: { code: string; field: string } } };
}

/** Sends JSON text unchanged: JSON.stringify cannot write these numbers. */
async function send(
  path: string,
  json: string,
  { get = false, headers = {}, token = serviceToken } = {},
): Promise<Answer> {
  const response = await fetch(`${service.url}/${path}${get ? `?input=${encodeURIComponent(json)}` : ""}`, {
    method: get ? "GET" : "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(!get && { body: json }),
  });
  return (await response.json()) as Answer;
}

const withNumber = (input: object, number: string) => JSON.stringify({ json: input }).replace('"#"', number);
const refusedAt = (field: string) => ({
  error: {
    json: { message: expect.stringContaining("JavaScript holds exactly"), data: { code: "BAD_REQUEST", field } },
  },
});

describe("a number that a double cannot hold", () => {
  it.each(inexact)("the service refuses the inexact number %s in metadata, with its path", async (number) => {
    const input = newUser({ metadata: { a: [{ b: "#" }] } });
    expect(await send("users.create", withNumber(input, number))).toMatchObject(refusedAt("metadata.a.0.b"));
    expect(await send("users.createMany", withNumber({ rows: [input] }, number))).toMatchObject(
      refusedAt("rows.0.metadata.a.0.b"),
    );
  });

  it("the service refuses inexact numbers in an event and in a filter, by GET and by POST", async () => {
    const event = { action: "trade.done", changes: { price: "#" } };
    const filter = { where: { metadata: { contains: { a: "#" } } } };
    for (const number of inexact) {
      expect(await send("audit.record", withNumber(event, number))).toMatchObject(refusedAt("changes.price"));
      for (const get of [true, false])
        expect(await send("users.list", withNumber(filter, number), { get, token: admin })).toMatchObject(
          refusedAt("where.metadata.contains.a"),
        );
    }
  });

  it("the service refuses inexact numbers in requests that tRPC's adapter answers", async () => {
    const filter = withNumber({ where: { metadata: { contains: { a: "#" } } } }, "12345678901234567890");
    const input = `{"0":${filter}}`;
    const ask = (query: string, body?: string) =>
      fetch(`${service.url}/users.list?batch=1${query}`, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          authorization: `Bearer ${admin}`,
          "content-type": "application/json",
          "trpc-accept": "application/jsonl",
        },
        ...(body !== undefined && { body }),
      }).then((response) => response.text());
    const get = `&input=${encodeURIComponent(input)}`;
    for (const text of [await ask("", input), await ask(get), await ask(get + get)])
      expect(text).toContain('"field":"where.metadata.contains.a"');
  });

  it("the service keeps a number that is written as a string, through every link", async () => {
    const metadata = { a: "12345678901234567890", f: 1e23, g: [8.41e21], '1e400"': "\\", b: 0.1, c: 1e300, d: -5e-324 };
    const streaming = createTRPCClient<AppRouter>({
      links: [
        httpBatchStreamLink({
          url: service.url,
          transformer: superjson,
          headers: { authorization: `Bearer ${serviceToken}` },
        }),
      ],
    });
    const user = await streaming.users.create.mutate(newUser({ metadata }));
    expect(await client.users.byId.query({ id: user.id })).toMatchObject({ metadata });
    const where = { metadata: { contains: metadata } };
    expect((await clientOf(service.url, admin).users.list.query({ where })).items).toEqual([user]);
  });

  it("the service refuses -0, which PostgreSQL cannot store", async () => {
    const refused = await refusal(client.users.create.mutate(newUser({ metadata: { x: [-0] } })));
    expect(refused).toMatchObject({ code: "BAD_REQUEST", field: "metadata.x.0" });
  });

  it("the table refuses inexact numbers from psql, and the audit trail returns them as strings", async () => {
    const { sql } = service.database;
    const { id } = await account(sql);
    for (const number of inexact)
      await expect(
        sql.unsafe(`update users set metadata = '{"a": ${number}}' where id = '${id}'`),
      ).rejects.toMatchObject({
        constraint_name: "users_metadata_numbers_check",
      });
    await sql`update users set metadata = '{"a": 0.1, "b": 1e300, "c": 9007199254740992, "d": "12345678901234567890", "e": 5e-324, "f": 1e23, "g": 8.41e21}' where id = ${id}`;
    await sql`insert into audit_log (action, changes) values ('psql.exact', '{"a": [12345678901234567890, 0.5], "b": 1e400, "c": 0.12345678901234567890}')`;
    const { items } = await clientOf(service.url, admin).audit.list.query({ where: { action: "psql.exact" } });
    expect(items[0]?.changes).toEqual({
      a: ["12345678901234567890", 0.5],
      b: `1${"0".repeat(400)}`,
      c: "0.12345678901234567890",
    });
  });
});

/** Numbers halfway between two doubles, and the shortest digits between these and their neighbours. */
const halfway = [
  "27700093963430510",
  "537654946117634400",
  "537654946117634430",
  ...["1e23", "99999999999999990000000", "1.7976931348623157e308", "-1e23", "-99999999999999990000000"],
];

it("the table accepts exactly the numbers that JavaScript holds", async () => {
  // Above 2^53 many numbers lie halfway between two doubles, and float8 writes other digits of these than JavaScript.
  const token = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }).map((n) => JSON.stringify(Number(n))),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }).map(String),
    fc
      .tuple(fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }), fc.integer({ min: 15, max: 17 }))
      .map(([n, digits]) => Number(n).toPrecision(digits)),
    fc
      .tuple(fc.bigInt({ min: 1n, max: 10n ** 18n }), fc.integer({ min: -345, max: 300 }))
      .map((parts) => parts.join("e")),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(token, { maxLength: 500, size: "max" }), async (tokens) => {
      const rows = await service.database.sql`
        select token, json_numbers_exact(token::jsonb) as exact from unnest(${[...halfway, ...tokens]}::text[]) as token`;
      expect(rows.filter(({ token, exact }) => exact !== isExactNumber(token))).toEqual([]);
    }),
    { numRuns: 20 },
  );
});

it("the service stores and returns metadata unchanged", async () => {
  const { sql } = service.database;
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
    fc.maxSafeInteger(),
    fc.string({ unit: "grapheme" }).filter((text) => !/[\0\ud800-\udfff]/.test(text)),
    fc.boolean(),
    fc.constant(null),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 8 }), async (values) => {
      const user = await client.users.create.mutate(newUser({ metadata: { values } }));
      expect(user.metadata).toEqual({ values });
      const [row] =
        await sql`select metadata::text as text, metadata = ${JSON.stringify({ values })}::text::jsonb as same from users where id = ${user.id}`;
      expect([JSON.parse(row?.["text"]), row?.["same"]]).toEqual([{ values }, true]);
    }),
    { numRuns: 40 },
  );
});

describe("letters outside ASCII", () => {
  /** Texts that resemble another one: equal in lower case, without spaces, or to the eye. */
  const lookalikes = (text: string) => [
    text.replace("k", "\u212a"),
    text.replace("s", "\u017f"),
    text.replace("i", "\u0130"),
    text.replace("i", "\u0131"),
    text.replace("k", "\uff4b"),
    text.replace("k", "k\u0301"),
    text.replace("k", "k\u00ad"),
    text.replace("k", "k\u200b"),
    ...["\u00a0", "\ufeff", "\u2003", "\u3000", "\u2028"].flatMap((space) => [space + text, text + space]),
  ];
  const own = { email: "kiss@victim.example", username: "kiss-one" };
  beforeAll(() => client.users.create.mutate(newUser(own)));

  it.each(lookalikes(own.email))(
    "the service finds no account by the look-alike email %j, and creates none",
    async (email) => {
      expect((await refusal(client.users.byEmail.query({ email }))).code).toBe("NOT_FOUND");
      for (const condition of [email, { in: [email] }, { like: email }, { ilike: `${email}*` }])
        expect(
          (await client.users.list.query({ where: { email: condition }, total: "exact" })).total,
          JSON.stringify(condition),
        ).toBe(0);
      const made = newUser({ email });
      expect(await refusal(client.users.create.mutate(made))).toMatchObject({ code: "BAD_REQUEST", field: "email" });
      expect((await client.users.createMany.mutate({ rows: [made], atomic: false })).refused[0]).toMatchObject({
        code: "BAD_REQUEST",
        field: "email",
      });
      const { id, token } = await account(service.database.sql);
      expect(await refusal(clientOf(service.url, token).users.update.mutate({ id, email }))).toMatchObject({
        code: "BAD_REQUEST",
        field: "email",
      });
    },
  );

  it.each(lookalikes(own.username))(
    "the service finds no account by the look-alike username %j, and creates none",
    async (username) => {
      expect((await refusal(client.users.byUsername.query({ username }))).code).toBe("NOT_FOUND");
      for (const condition of [username, { in: [username] }, { like: username }, { ilike: `${username}*` }])
        expect(
          (await client.users.list.query({ where: { username: condition }, total: "exact" })).total,
          JSON.stringify(condition),
        ).toBe(0);
      expect(await refusal(client.users.create.mutate(newUser({ username })))).toMatchObject({
        code: "BAD_REQUEST",
        field: "username",
      });
    },
  );

  it("the service finds an account by ASCII letters in any case", async () => {
    expect(await client.users.byEmail.query({ email: ` ${own.email.toUpperCase()}\n` })).toMatchObject(own);
    expect(await client.users.byUsername.query({ username: own.username.toUpperCase() })).toMatchObject(own);
  });
});

describe("an email", () => {
  const message = async (email: string) => (await refusal(client.users.create.mutate(newUser({ email })))).message;

  it("the service refuses an email with letters outside ASCII, with the remedy", async () => {
    expect(await message("x@bücher.example")).toContain("as xn--bcher-kva.example");
    expect(await message("jörg@x.org")).toContain("ASCII in front of the @");
  });

  it("the service limits an email to 64 characters before the @ and 63 between dots", async () => {
    expect(await message(`${"a".repeat(65)}@example.com`)).toContain("at most 64 characters in front of the @");
    expect(await message(`a@${"b".repeat(64)}.com`)).toContain("at most 63 characters");
    for (const email of [`${"a".repeat(64)}@example.com`, `a@${"b".repeat(63)}.com`])
      expect(await client.users.create.mutate(newUser({ email }))).toMatchObject({ email });
  });

  it.each([
    "a/b@example.com",
    "user%x@example.com",
    "{x}@example.com",
    "a+b!#$&'*=?^_`|~-@sub.example.co",
    "x@xn--bcher-kva.example",
    "x@example.xn--p1ai",
  ])("the service accepts the email %s (RFC 5321)", async (email) =>
    expect(await client.users.create.mutate(newUser({ email }))).toMatchObject({ email }),
  );

  it.each([
    "a..b@example.com",
    ".a@example.com",
    "a.@example.com",
    "a@b@example.com",
    "a@-b.com",
    "a@b-.com",
    "a@b..com",
    "a@b",
    "a@1.2.3.4",
    "a b@c.de",
    "a@b_c.de",
    "@b.de",
    "a@",
  ])("the service refuses the email %s", async (email) => expect(await message(email)).toMatch(/^email: must/));
});
