import { type SQL, sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { typedPlaceholder } from "./typed-placeholder.ts";

/** Prepares the calls of every sign-in. PostgreSQL would otherwise parse and plan them each time. */
export function prepareAttemptQueries(db: Executor) {
  const context = typedPlaceholder("context", "text");
  const userId = typedPlaceholder("userId", "uuid");
  const deviceId = typedPlaceholder("deviceId", "uuid");
  const ipAddress = typedPlaceholder("ipAddress", "inet");
  const login = typedPlaceholder("login", "text");
  const number = typedPlaceholder("number", "bigint");
  const call = (name: string, statement: SQL) => db.select({ done: sql`1` }).from(statement).prepare(name);
  return {
    take: db
      .select({
        verdict: sql<string>`verdict`,
        ticket: sql<number | null>`ticket::float8`,
        failures: sql<number | null>`failures`,
        since: sql<string | null>`to_json(since) #>> '{}'`,
        wait: sql<number | null>`wait`,
      })
      .from(sql`public.take_attempt(${context}, ${userId}, ${deviceId}, ${ipAddress}, ${login})`)
      .prepare("attempts_take"),
    fail: call("attempts_fail", sql`public.fail_attempt(${context}, ${userId}, ${deviceId})`),
    forgive: call(
      "attempts_forgive",
      sql`public.forgive_attempt(${context}, ${userId}, ${deviceId}, ${number}, ${ipAddress}, ${login})`,
    ),
  };
}
