import postgres, { type Options, type Sql } from "postgres";
import { UnpatchedDriverError } from "./driver-error.ts";

/** What the patch under `patches/` writes into the driver; raised with every change of it. */
const patch = "aeturnis-data 2";

/**
 * A pool of the driver's. Connections are opened when they are needed.
 *
 * @throws {UnpatchedDriverError}
 */
export function openDriver(options: Options<Record<string, never>>): Sql {
  if ((postgres as { readonly patched?: unknown }).patched !== patch) throw new UnpatchedDriverError();
  return postgres(options);
}
