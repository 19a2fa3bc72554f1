import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { createAccessTokens } from "../../src/identity/access-tokens.ts";
import { accessMatrix, accessTable } from "../../src/routers/access-matrix.ts";
import { procedures } from "../../src/routers/procedures.ts";
import { account, clientOf, serviceToken, tokens, useService } from "../support/service.ts";

/**
 * The expected access of every procedure; a new procedure or a changed rule must be entered here. Each caller has the
 * accounts that it may call the procedure for: `self` is its own; `user`, `moderator` and `admin` are others of that
 * role.
 */
const matrix: Record<string, Partial<Record<CallerName, readonly OwnerKind[] | "yes">>> = {
  "account.devices.forget": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "account.devices.list": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "account.devices.rename": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "account.recoveryCodes.count": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "account.recoveryCodes.renew": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "account.twoFactor.confirm": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "account.twoFactor.disable": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "account.twoFactor.enrol": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "audit.list": { user: "yes", moderator: "yes", admin: "yes" },
  "audit.partitions": { admin: "yes" },
  "audit.prove": { admin: "yes" },
  "audit.record": { service: "yes" },
  "audit.recordMany": { service: "yes" },
  "audit.tail": { user: "yes", moderator: "yes", admin: "yes" },
  "audit.verify": { admin: "yes" },
  "auth.changePassword": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "auth.completeSignIn": { anonymous: "yes", user: "yes", moderator: "yes", admin: "yes", service: "yes" },
  "auth.reauthenticate": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "auth.refresh": { anonymous: "yes", user: "yes", moderator: "yes", admin: "yes", service: "yes" },
  "auth.signIn": { anonymous: "yes", user: "yes", moderator: "yes", admin: "yes", service: "yes" },
  "auth.signOut": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "health.details": { service: "yes", admin: "yes" },
  "health.status": { anonymous: "yes", user: "yes", moderator: "yes", admin: "yes", service: "yes" },
  "security.failures": { moderator: "yes", admin: "yes", service: "yes" },
  "security.get": { user: ["self"], moderator: ["self", "user"], admin: ["self", "user", "moderator", "admin"] },
  "security.removeSecondFactor": { admin: ["self", "user", "moderator", "admin"] },
  "security.requirePasswordChange": { moderator: ["user"], admin: ["self", "user", "moderator", "admin"] },
  "security.unlock": { moderator: ["user"], admin: ["self", "user", "moderator", "admin"] },
  "sessions.check": { service: "yes" },
  "sessions.cleanUp": { admin: "yes" },
  "sessions.list": { user: ["self"], moderator: ["self", "user"], admin: ["self", "user", "moderator", "admin"] },
  "sessions.revoke": { user: ["self"], moderator: ["self", "user"], admin: ["self", "user", "moderator", "admin"] },
  "sessions.revokeAll": { user: ["self"], moderator: ["self", "user"], admin: ["self", "user", "moderator", "admin"] },
  "users.byEmail": { moderator: "yes", admin: "yes", service: "yes" },
  "users.byId": { moderator: "yes", admin: "yes", service: "yes" },
  "users.byUsername": { moderator: "yes", admin: "yes", service: "yes" },
  "users.create": { admin: "yes", service: "yes" },
  "users.createMany": { admin: "yes", service: "yes" },
  "users.delete": { admin: "yes" },
  "users.deleteMany": { admin: "yes", service: "yes" },
  "users.history": { user: ["self"], moderator: ["self", "user"], admin: ["self", "user", "moderator", "admin"] },
  "users.list": { moderator: "yes", admin: "yes", service: "yes" },
  "users.me": { user: ["self"], moderator: ["self"], admin: ["self"] },
  "users.restore": { admin: "yes" },
  "users.setRole": { admin: "yes" },
  "users.setStatus": { moderator: ["user"], admin: ["self", "user", "moderator", "admin"] },
  "users.update": { user: ["self"], moderator: ["self"], admin: ["self", "user", "moderator", "admin"] },
  "users.updateMany": { admin: "yes", service: "yes" },
};

/** What a session must or may be, where that is not `full` at any time. */
const sessions: Record<string, string> = {
  "account.recoveryCodes.renew": "recent",
  "account.twoFactor.confirm": "enrolment, recent",
  "account.twoFactor.disable": "recent",
  "account.twoFactor.enrol": "enrolment, recent",
  "auth.changePassword": "password_change, enrolment",
  "auth.reauthenticate": "password_change, enrolment",
  "auth.signOut": "password_change, enrolment, recent unless `scope` is `this`",
  "security.removeSecondFactor": "recent",
  "sessions.revoke": "recent unless it is this session",
  "sessions.revokeAll": "recent",
  "users.update": "recent for `username` and `email`",
};

const callerNames = ["anonymous", "user", "moderator", "admin", "service"] as const;
type CallerName = (typeof callerNames)[number];
const ownerKinds = ["self", "user", "moderator", "admin"] as const;
type OwnerKind = (typeof ownerKinds)[number];

const service = useService();

/** Two accounts of each role: one that calls, and one that is called for. */
const accounts = {} as Record<
  `${"calling" | "other"} ${Exclude<OwnerKind, "self">}`,
  Awaited<ReturnType<typeof account>>
>;
beforeAll(async () => {
  for (const place of ["calling", "other"] as const) {
    for (const role of ["user", "moderator", "admin"] as const)
      accounts[`${place} ${role}`] = await account(service.database.sql, role);
  }
});

function tokenOf(caller: CallerName): string | undefined {
  if (caller === "anonymous") return undefined;
  return caller === "service" ? serviceToken : accounts[`calling ${caller}`].token;
}

/** Calls a procedure with an invalid input, and returns the status: access is checked before the input is. */
async function statusOf(path: string, caller: CallerName, owner?: string) {
  const type = procedures.get(path)?.type;
  const isQuery = type !== "mutation";
  const token = tokenOf(caller);
  // The input names the account under both names. Its unknown field makes the call a BAD_REQUEST.
  const input = JSON.stringify({ json: { ...(owner && { userId: owner, id: owner }), nothing: true } });
  const response = await fetch(`${service.url}/${path}${isQuery ? `?input=${encodeURIComponent(input)}` : ""}`, {
    method: isQuery ? "GET" : "POST",
    headers: { ...(token && { authorization: `Bearer ${token}` }), "content-type": "application/json" },
    ...(!isQuery && { body: input }),
  });
  // The answer to a subscription has begun when its error is known.
  if (type === "subscription") return Number(/"httpStatus":(\d+)/.exec(await response.text())?.[1]);
  return response.status;
}

it("every procedure declares access rules and is in the matrix of this test", () => {
  expect([...procedures.keys()].sort()).toEqual(Object.keys(matrix));
  for (const { path, access } of procedures.values()) expect(access.rules, path).not.toHaveLength(0);
});

it("accessMatrix() equals the matrix of this test, and API.md contains it", () => {
  const cellOf: Record<string, (owners: readonly OwnerKind[]) => string> = {
    user: (owners) => (owners.includes("self") ? "own" : ""),
    moderator: (owners) =>
      [...(owners.includes("self") ? ["own"] : []), ...(owners.includes("user") ? ["players'"] : [])].join(", "),
    admin: (owners) => (owners.includes("admin") ? "all" : "own"),
  };
  const expected = Object.entries(matrix).map(([procedure, allowed]) => ({
    procedure,
    ...Object.fromEntries(
      callerNames.map((caller) => {
        const owners = allowed[caller] ?? "";
        return [caller, typeof owners === "string" ? owners : cellOf[caller]?.(owners)];
      }),
    ),
    session: sessions[procedure] ?? "",
  }));
  expect(accessMatrix()).toEqual(expected);
  expect(readFileSync("API.md", "utf8")).toContain(accessTable());
});

describe.each(Object.entries(matrix))("%s", (path, allowed) => {
  const isOwned = Object.values(allowed).some((owners) => owners !== "yes");

  it.each(callerNames)(`${path} admits and refuses %s as the matrix says`, async (caller) => {
    for (const owner of isOwned ? ownerKinds : [undefined]) {
      const owners = allowed[caller];
      const isAllowed = owners === "yes" || (owner !== undefined && owners?.includes(owner));
      const id = owner === "self" ? idOf(caller) : owner && accounts[`other ${owner}`].id;
      // A service and an anonymous caller have no account of their own.
      if (owner === "self" && id === undefined) continue;
      const status = await statusOf(path, caller, id);
      const context = `${caller} calls ${path}${owner === undefined ? "" : ` for ${owner}`}`;
      if (isAllowed) expect([200, 400, 409], context).toContain(status);
      else expect(status, context).toBe(caller === "anonymous" ? 401 : 403);
    }
  });
});

function idOf(caller: CallerName): string | undefined {
  return caller === "anonymous" || caller === "service" ? undefined : accounts[`calling ${caller}`].id;
}

describe("an account", () => {
  const me = (token: string) => clientOf(service.url, token).users.me.query();

  it("an account loses the rights of a role immediately, although its token is older", async () => {
    const moderator = await account(service.database.sql, "moderator");
    const client = clientOf(service.url, moderator.token);
    await client.users.byId.query({ id: moderator.id });
    await service.database.sql`update users set role = 'user' where id = ${moderator.id}`;
    await expect(client.users.byId.query({ id: moderator.id })).rejects.toMatchObject({ data: { code: "FORBIDDEN" } });
  });

  it.each(["suspended", "banned"])(
    "an account that is %s is refused, and its sessions have ended when it is active again",
    async (status) => {
      const { id, token } = await account(service.database.sql);
      await me(token);
      await service.database.sql`update users set status = ${status} where id = ${id}`;
      await expect(me(token)).rejects.toMatchObject({
        message: `This account is ${status}.`,
        data: { code: "FORBIDDEN" },
      });
      await service.database.sql`update users set status = 'active' where id = ${id}`;
      await expect(me(token)).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    },
  );

  it("the token of a deleted account is refused as UNAUTHORIZED", async () => {
    const { id, token } = await account(service.database.sql);
    await service.database.sql`update users set deleted_at = now() where id = ${id}`;
    await expect(me(token)).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
  });

  it("an owned procedure accepts the account's id in upper case", async () => {
    const { id, token } = await account(service.database.sql);
    expect(await clientOf(service.url, token).security.get.query({ userId: id.toUpperCase() })).toMatchObject({
      userId: id,
    });
  });
});

describe("a token", () => {
  const call = (token: string) => clientOf(service.url, token).users.list.query();

  it("a token signed with another secret is refused, and a procedure that needs none ignores it", async () => {
    const forged = await createAccessTokens(["another secret, as long as the right one is"]).signService("test", 3_600);
    await expect(call(forged)).rejects.toMatchObject({
      data: { code: "UNAUTHORIZED" },
      message: "The access token is not valid.",
    });
    expect(await clientOf(service.url, forged).health.status.query()).toBeDefined();
  });

  it("an expired token is refused with the reason", async () => {
    const expired = await tokens.signService("test", -1);
    await expect(call(expired)).rejects.toMatchObject({ message: "The access token has expired." });
  });

  it("a token with one changed letter is refused", async () => {
    const at = serviceToken.lastIndexOf(".") - 3;
    const changed = serviceToken.slice(0, at) + (serviceToken[at] === "A" ? "B" : "A") + serviceToken.slice(at + 1);
    await expect(call(changed)).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
  });

  it.each(["", "Basic dXNlcjpwYXNz", "Bearer", "Bearer a b"])(
    "the Authorization header %j is refused",
    async (authorization) => {
      const response = await fetch(`${service.url}/users.list`, { headers: { authorization } });
      expect(response.status).toBe(401);
    },
  );

  it("an unsigned token (alg none) is refused", async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { iss: "aeturnis-data", aud: "aeturnis-data", sub: "service:test", exp: 4_000_000_000 };
    await expect(call(`${part({ alg: "none" })}.${part(claims)}.`)).rejects.toMatchObject({
      data: { code: "UNAUTHORIZED" },
    });
  });
});
