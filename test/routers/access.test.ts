import type { AnyTRPCProcedure } from "@trpc/server";
import { describe, expect, it } from "vitest";
import { createTokens } from "../../src/identity/tokens.ts";
import { appRouter } from "../../src/routers/index.ts";
import type { Access } from "../../src/routers/trpc.ts";
import { clientOf, serviceToken, tokens, useService } from "../support/service.ts";

/** Who may call what. A new procedure must be added here, and a changed rule changed here. */
const matrix = {
  "health.status": ["anonymous", "service"],
  "health.details": ["service"],
  "users.byId": ["service"],
  "users.byEmail": ["service"],
  "users.byUsername": ["service"],
  "users.list": ["service"],
  "users.create": ["service"],
  "users.update": ["service"],
} as const;

const procedures: Record<string, AnyTRPCProcedure> = appRouter._def.procedures as never;

const service = useService();

/** How the service answers a caller: its rule is looked at before the input is. */
async function statusOf(path: string, token?: string): Promise<number> {
  const method = procedures[path]?._def.type === "query" ? "GET" : "POST";
  const response = await fetch(`${service.url}/${path}`, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }), "content-type": "application/json" },
  });
  return response.status;
}

it("every procedure declares its rule, and this matrix holds them all", () => {
  expect(Object.keys(procedures).sort()).toEqual(Object.keys(matrix).sort());
  for (const [path, procedure] of Object.entries(procedures)) {
    expect((procedure._def.meta as Access | undefined)?.allow, path).not.toHaveLength(0);
  }
});

describe.each(Object.entries(matrix))("%s", (path, allowed: readonly string[]) => {
  it.each([
    ["anonymous", undefined],
    ["service", serviceToken],
  ])(`to %s`, async (caller, token) => {
    const status = await statusOf(path, token);
    if (allowed.includes(caller)) expect([200, 400]).toContain(status);
    else expect(status).toBe(caller === "anonymous" ? 401 : 403);
  });
});

describe("a token", () => {
  const call = (token: string) => clientOf(service.url, token).health.status.query();

  it("signed with another secret is refused, even where none is needed", async () => {
    const forged = await createTokens("another secret, as long as the right one is").signService("test", "1h");
    await expect(call(forged)).rejects.toMatchObject({
      data: { code: "UNAUTHORIZED" },
      message: "The access token is not valid.",
    });
  });

  it("that has expired is refused as such", async () => {
    const expired = await tokens.signService("test", "-1s");
    await expect(call(expired)).rejects.toMatchObject({ message: "The access token has expired." });
  });

  it("with one letter changed is refused", async () => {
    const at = serviceToken.lastIndexOf(".") - 3;
    const changed = serviceToken.slice(0, at) + (serviceToken[at] === "A" ? "B" : "A") + serviceToken.slice(at + 1);
    await expect(call(changed)).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
  });

  it.each(["", "Basic dXNlcjpwYXNz", "Bearer", "Bearer a b"])(
    "must come as Bearer <token>: %j is refused",
    async (authorization) => {
      const response = await fetch(`${service.url}/users.list`, { headers: { authorization } });
      expect(response.status).toBe(401);
    },
  );

  it("unsigned (alg none) is refused", async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { iss: "aeturnis-data", aud: "aeturnis-data", sub: "service:test", exp: 4_000_000_000 };
    await expect(call(`${part({ alg: "none" })}.${part(claims)}.`)).rejects.toMatchObject({
      data: { code: "UNAUTHORIZED" },
    });
  });
});
