import { createTRPCClient, httpBatchLink } from "@trpc/client";
import type { Sql } from "postgres";
import superjson from "superjson";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { loadConfig, type PasswordConfig } from "../../src/config/config.ts";
import { createAccessTokens } from "../../src/identity/access-tokens.ts";
import type { Log } from "../../src/observability/log.ts";
import type { AppRouter, Outputs } from "../../src/routers/app-router.ts";
import { createService } from "../../src/server/service.ts";
import { baseSettings, createDatabase, poolerOf, quiet, type TestDatabase, type TestSettings } from "./database.ts";
import { newUser } from "./factories.ts";

export const secret = "a secret of sufficient length for the tests";
export const encryptionKeys = `test:${Buffer.alloc(32, 7).toString("base64")}`;
/** Signs the log of every service of the tests. */
export const auditSigningKey = "PRIVATE+KEY+test.example/log+5ba2a3aa+AXXzv8oC3M8znqur56ycRAwCGKW4pskqyXgDHMvk9d8F";

export const tokens = createAccessTokens([secret]);

/**
 * Starts the service on a database, at a free port. The caller must close it.
 *
 * @param options.hashCost replaces the cost of Argon2id, which the settings bound from below
 */
export async function startService(
  url: string,
  options: {
    log?: Log;
    env?: TestSettings;
    migrate?: boolean;
    hashCost?: Pick<PasswordConfig, "memoryKiB" | "passes">;
  } = {},
) {
  const config = loadConfig({
    DATABASE_URL: url,
    PORT: "0",
    JWT_SECRET: secret,
    ENCRYPTION_KEYS: encryptionKeys,
    AUDIT_SIGNING_KEY: auditSigningKey,
    NODE_ENV: "test",
    ...baseSettings,
    ...poolerOf(url),
    ...options.env,
  });
  const passwords = { ...config.passwords, ...options.hashCost };
  return createService({
    config: { ...config, passwords },
    log: options.log ?? quiet,
    migrate: options.migrate ?? false,
  });
}

/** Starts one service with its own database for all tests of a file. */
export function useService(options: Parameters<typeof startService>[1] = {}) {
  const shared = {} as { database: TestDatabase; url: string };
  let service: Awaited<ReturnType<typeof startService>>;
  beforeAll(async () => {
    shared.database = await createDatabase();
    service = await startService(shared.database.url, options);
    shared.url = service.url;
  });
  afterAll(async () => {
    await service.close();
    await shared.database.drop();
  });
  return shared;
}

/** Calls `startService`, and closes the service when the test ends. */
export async function serviceForTest(...args: Parameters<typeof startService>) {
  const service = await startService(...args);
  onTestFinished(() => service.close());
  return service;
}

/** Creates a plain tRPC client, as a frontend would. */
export function clientOf(url: string, token?: string) {
  return createTRPCClient<AppRouter>({
    links: [
      httpBatchLink({
        url,
        transformer: superjson,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      }),
    ],
  });
}

/** Inserts an account and a session of the command line with SQL, and signs an access token for it. */
export async function account(sql: Sql, role: "user" | "moderator" | "admin" = "user") {
  const { email, username, passwordHash } = newUser();
  const [row] = await sql`
    insert into users (email, username, password_hash, role) values (${email}, ${username}, ${passwordHash}, ${role})
    returning id`;
  const id = row?.["id"] as string;
  return { id, email, username, ...(await sessionFor(sql, id)) };
}

/** When the password of an account was changed, as a sign-in reads it; undefined without such an account. */
export async function passwordChangedAt(sql: Sql, userId: string): Promise<string | undefined> {
  const [row] =
    await sql`select to_json(password_changed_at) #>> '{}' as changed from user_security where user_id = ${userId}`;
  return row?.["changed"];
}

/** Inserts a session with SQL, and signs an access token for it. */
export async function sessionFor(sql: Sql, userId: string, factors = ["operator"]) {
  const [row] = await sql`
    insert into user_sessions (user_id, refresh_token_id, expires_at, factors)
    values (${userId}, gen_random_uuid(), now() + interval '1 day', ${factors}) returning id`;
  const sessionId = row?.["id"] as string;
  return { sessionId, token: await tokens.signUser({ userId, sessionId }) };
}

export const serviceToken = await tokens.signService("test", 3_600);

/** The answer of a sign-in that is complete, with its tokens in the body. */
export function signedInOf(answer: Outputs["auth"]["signIn"]) {
  if ("challenge" in answer) throw new Error("the account has a second factor");
  const { refreshToken, deviceToken } = answer;
  if (refreshToken === null || deviceToken === null) throw new Error("the tokens are in cookies");
  return { ...answer, refreshToken, deviceToken };
}
