import postgres from "postgres";
import { onTestFinished } from "vitest";

/** Opens a plain pool of the driver, and closes it when the test ends. By default all queries share one connection. */
export function driver(url: string, options: postgres.Options<Record<string, never>> = {}) {
  const sql = postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: () => {},
    backoff: () => 0.01,
    connection: { application_name: "victim" },
    ...options,
  });
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

/** Sends a prepared query as Drizzle does. */
export const prepared = (sql: Pick<postgres.Sql, "unsafe">, text: string, parameters: unknown[]) =>
  sql.unsafe(text, parameters as never[], { prepare: true });
