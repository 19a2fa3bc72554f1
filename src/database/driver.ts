import type { Options, PostgresType, Sql } from "postgres";
import { UnpatchedDriverError } from "./driver-error.ts";
import postgres from "./postgres.ts";

/** The version that the patch under `patches/` writes into the driver. Every change of the patch raises it. */
const patchVersion = "aeturnis-data 5";

/**
 * Creates a pool of postgres.js. It opens connections on demand.
 *
 * @throws {UnpatchedDriverError}
 */
export function openDriver(options: Options<Record<string, PostgresType>>): Sql {
  if ((postgres as { readonly patched?: unknown }).patched !== patchVersion) throw new UnpatchedDriverError();
  return postgres(options) as Sql;
}
