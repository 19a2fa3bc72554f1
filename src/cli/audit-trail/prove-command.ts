import { proveConsistency, proveEntry } from "../../audit/index.ts";
import { isUuid } from "../../validation/index.ts";
import { withDatabase } from "../database.ts";
import { UsageError } from "../failure.ts";

/** `aeturnis-data audit prove`: prints the proof. */
export async function auditProve(
  id: string | undefined,
  { consistency }: { readonly consistency?: readonly string[] },
): Promise<void> {
  const proof = await withDatabase(({ db }) => {
    if (consistency === undefined) return proveEntry(db, entryOf(id));
    const [oldSize, size] = consistency.map(Number);
    if (id !== undefined || consistency.length !== 2 || !consistency.every((text) => /^\d+$/.test(text)))
      throw new UsageError("--consistency takes two sizes of the log, and no row.");
    return proveConsistency(db, oldSize as number, size as number);
  });
  process.stdout.write(proof);
}

function entryOf(id: string | undefined): string | number {
  if (id !== undefined && /^\d{1,15}$/.test(id)) return Number(id);
  if (id !== undefined && isUuid(id)) return id;
  throw new UsageError("Name a row by its id, or by its index in the log: aeturnis-data audit prove 1200");
}
