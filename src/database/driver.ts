import type { Options, PostgresType, Sql } from "postgres";
import { UnpatchedDriverError } from "./driver-error.ts";
import postgres from "./postgres.ts";

/** What the patch under `patches/` writes into the driver; raised with every change of it. */
const patch = "aeturnis-data 5";

/**
 * A pool of the driver's. Connections are opened when they are needed.
 *
 * @throws {UnpatchedDriverError}
 */
export function openDriver(options: Options<Record<string, PostgresType>>): Sql {
  if ((postgres as { readonly patched?: unknown }).patched !== patch) throw new UnpatchedDriverError();
  return postgres(options) as Sql;
}
