import postgres from "postgres";
import { onTestFinished } from "vitest";

/** A pool of the driver's own, closed when the test ends. One connection, so that queries share it, unless told otherwise. */
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

/** A prepared query, as Drizzle sends it. */
export const prepared = (sql: Pick<postgres.Sql, "unsafe">, text: string, parameters: unknown[]) =>
  sql.unsafe(text, parameters as never[], { prepare: true });
