import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { procedures } from "../../src/routers/procedures.ts";
import { newUser } from "../support/factories.ts";
import { account, serviceToken, useService } from "../support/service.ts";

const service = useService();

const texts = [
  "",
  " ",
  "null",
  "\0",
  "\ud800",
  "'; drop table users; --",
  "%",
  "_",
  "\\",
  "*",
  "\\*",
  "a".repeat(600),
  "ｆｕｌｌ",
  "🦊",
  "\u202e",
  "00000000-0000-0000-0000-000000000000",
  "2026-02-30",
  "1e999",
  "__proto__",
  "constructor",
  "user:x",
  "{}",
  "-1",
  "NaN",
];
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    0.5,
    1e15,
    2 ** 53,
    -(2 ** 31) - 1,
    [],
    {},
    [[]],
    [null],
    { "": 1 },
    { eq: null },
    { in: [] },
  ),
  fc.constantFrom(...texts),
  fc.string(),
  fc.jsonValue({ maxDepth: 4 }),
);

/** Valid inputs of the procedures, of which one part is replaced. */
const validInputs = (id: string): Record<string, unknown[]> => {
  const where = {
    and: [{ not: { id: { in: [id] } } }],
    or: [{ createdAt: { gt: "2026-01-01T00:00:00.000Z" } }, { status: { in: ["active"] } }],
    username: { like: "a*", ne: "b" },
    metadata: { contains: { a: [1] } },
    lastLogin: null,
    role: "user",
  };
  const lists = [
    {},
    { where },
    { sort: [{ field: "createdAt", direction: "asc", nulls: "first" }], limit: 2, total: "exact" },
    { page: 2, limit: 1 },
    { cursor: "AAAA" },
  ];
  const event = {
    action: "trade.done",
    resourceType: "x",
    resourceId: "y",
    changes: { a: 1 },
    userId: id,
    ipAddress: "1.2.3.4",
    userAgent: "u",
  };
  return {
    "users.list": [...lists, { where, deleted: "with" }],
    "audit.list": [...lists, { where: { changes: { contains: {} }, ipAddress: "1.2.3.4", action: { like: "x*" } } }],
    "sessions.list": [...lists, { userId: id, where: { userAgent: { ilike: "x*" }, revokedAt: { isNull: true } } }],
    "security.failures": [...lists, { where: { loginAttempts: { gte: 1 }, twoFactorEnabled: false } }],
    "users.create": [newUser({ metadata: { a: { b: [1] } } })],
    "users.createMany": [{ rows: [newUser(), newUser()], atomic: false }],
    "users.update": [{ id, email: "a@example.com", username: "abcdef", metadata: { a: 1 } }],
    "users.updateMany": [{ rows: [{ id, status: "active", emailVerified: true, metadata: { a: 1 } }], atomic: false }],
    "users.deleteMany": [{ ids: [randomUUID()], atomic: false }],
    "users.setStatus": [{ id, status: "active" }],
    "users.setRole": [{ id, role: "user" }],
    "sessions.check": [{ userId: id, sessionId: randomUUID() }],
    "sessions.revoke": [{ userId: id, sessionId: randomUUID() }],
    "sessions.revokeAll": [{ userId: id, except: randomUUID() }],
    "audit.record": [event],
    "audit.recordMany": [{ events: [event, event] }],
  };
};

let id: string;
let tokens: string[];
beforeAll(async () => {
  const { sql } = service.database;
  id = (await account(sql)).id;
  // A second administrator, so that none of the calls concerns the last one.
  await account(sql, "admin");
  tokens = [serviceToken, (await account(sql, "admin")).token, (await account(sql)).token];
});

/** Returns a copy of a value in which one part is replaced. */
function replacePart(value: unknown, part: unknown, at: number): unknown {
  const places: ((replacement: unknown) => void)[] = [];
  const copy = structuredClone(value);
  const visit = (node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      places.push((replacement) => Object.assign(node, { [key]: replacement }));
      visit((node as Record<string, unknown>)[key]);
    }
  };
  visit(copy);
  if (places.length === 0) return part;
  places[at % places.length]?.(part);
  return copy;
}

/** Inputs of each procedure. */
const runs = 150;

/** Texts that no answer may contain: hashes, SQL, files of the service. */
const secrets =
  /RdescudvJC|\bselect\b.*\bfrom\b|insert into|syntax error|node_modules|\.ts:\d|PostgresError|Failed query|jwt/i;

const statusIn = (text: string) => Number(/"httpStatus":(\d+)/.exec(text)?.[1] ?? 0) || undefined;

/** The error with which a subscription ends, in the form of other answers. Undefined if it goes on. */
async function errorOfEvents(response: Response): Promise<string | undefined> {
  const events = await response.text().catch(() => "");
  const error = /event: serialized-error\ndata: (.*)\n/.exec(events)?.[1];
  return error === undefined ? undefined : `{"error":${error}}`;
}

it.each([...procedures.keys()])("%s answers each of 150 invalid inputs without a fault or a secret", async (path) => {
  const type = procedures.get(path)?.type;
  const isQuery = type !== "mutation";
  const samples = validInputs(id)[path] ?? [{ id }, { userId: id }, {}];
  const input = fc.oneof(
    odd,
    fc.tuple(fc.constantFrom(...samples), odd, fc.nat(50)).map(([sample, part, at]) => replacePart(sample, part, at)),
    fc.constantFrom(...samples),
  );
  const inputs = fc.sample(input, { numRuns: runs, seed: 7 });
  for (let start = 0; start < inputs.length; start += 10) {
    const batch = inputs.slice(start, start + 10);
    await Promise.all(
      batch.map(async (value, index) => {
        const body = JSON.stringify({ json: value });
        const query = isQuery ? `?input=${encodeURIComponent(body)}` : "";
        const response = await fetch(`${service.url}/${path}${query}`, {
          method: isQuery ? "GET" : "POST",
          headers: {
            authorization: `Bearer ${tokens[(start + index) % tokens.length]}`,
            "content-type": "application/json",
          },
          ...(!isQuery && { body }),
          // A subscription with a valid input has no end.
          ...(type === "subscription" && { signal: AbortSignal.timeout(500) }),
        });
        const text = type === "subscription" ? await errorOfEvents(response) : await response.text();
        const status = text === undefined ? response.status : (statusIn(text) ?? response.status);
        expect(status, `${body} → ${text}`).toBeLessThan(500);
        if (text === undefined || status < 400) return;
        const { error } = JSON.parse(text);
        expect(error.json.message, body).not.toMatch(secrets);
        expect(error.json.message.length, body).toBeGreaterThan(5);
      }),
    );
  }
});

it("a query that takes an empty input takes none, too", async () => {
  const { token } = await account(service.database.sql, "admin");
  const statusOf = async (path: string, query: string) =>
    (await fetch(`${service.url}/${path}${query}`, { headers: { authorization: `Bearer ${token}` } })).status;
  const queries = [...procedures.values()].filter(({ type }) => type === "query").map(({ path }) => path);
  expect(queries).toContain("audit.verify");
  for (const path of queries)
    if ((await statusOf(path, `?input=${encodeURIComponent('{"json":{}}')}`)) === 200)
      expect([path, await statusOf(path, "")]).toEqual([path, 200]);
});
