import { sql } from "drizzle-orm";
import type { Db, Executor } from "../database/index.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../errors.ts";
import { parseSignedCheckpoint } from "./checkpoint.ts";
import { clientOf, entryOf } from "./entry.ts";
import { entryColumns, entrySaltsOf, entrySettings, entryValuesOf } from "./entry-row.ts";
import { consistencyParts, inclusionParts, leafHash } from "./merkle.ts";
import { consistencyProof, inclusionProof, type Opening } from "./proof.ts";
import { MissingLeafError, readRoots } from "./tree.ts";

/**
 * Proves that a row is in the log of the audit trail, by its last checkpoint.
 *
 * @param id the id of the row, or its index
 * @returns a text of the form C2SP tlog-proof
 * @throws {NotFoundError} for a row that does not exist, has no index yet, or is covered by no checkpoint yet
 * @throws {ConflictError} if the row was changed
 */
export function proveEntry(db: Db, id: string | number): Promise<string> {
  return inSnapshot(db, async (tx) => {
    const [row] = await tx.execute(sql`
      select leaf.index::float8 as index, encode(leaf.hash, 'hex') as hash, ${entryColumns}
      from public.audit_leaves as leaf
      join public.audit_log as entry on entry.id = leaf.id and entry.created_at = leaf.created_at
      where ${typeof id === "number" ? sql`leaf.index = ${id}::bigint` : sql`leaf.id = ${id}::uuid`}`);
    if (row === undefined)
      throw new NotFoundError(
        "The log of the audit trail has no such row. A new one is in it after a second: try again.",
      );
    const index = Number(row["index"]);
    const values = entryValuesOf(row);
    const salts = entrySaltsOf(row);
    const entry = entryOf(values, salts);
    if (leafHash(entry) !== row["hash"])
      throw new ConflictError(
        `The row ${values.id} was changed: it is not the one that has the index ${index}. Run \`aeturnis-data audit verify\`.`,
      );
    const checkpoint = await readCheckpoint(tx, sql`size > ${index}::bigint order by size desc`);
    if (checkpoint === undefined)
      throw new NotFoundError("No checkpoint covers the row yet. One is signed every ten seconds: try again.");
    const { size } = parseSignedCheckpoint(checkpoint);
    return inclusionProof({
      proven: {
        entry,
        changes: openingOf(values.changes, salts.changes),
        client: openingOf(clientOf(values), salts.client),
      },
      index,
      path: await readRoots(tx, inclusionParts(index, size)),
      checkpoint,
    });
  });
}

/**
 * Proves that the log of the audit trail only grew from one size to another, of which there is a checkpoint.
 *
 * @returns a text of the form of C2SP tlog-witness
 * @throws {InvalidInputError} for sizes without a proof
 */
export async function proveConsistency(db: Db, oldSize: number, size: number): Promise<string> {
  if (oldSize < 1 || oldSize > size)
    throw new InvalidInputError("Give two sizes of the log, first the smaller one, which is 1 or more.", {
      field: "size",
    });
  return inSnapshot(db, async (tx) => {
    const checkpoint = await readCheckpoint(tx, sql`size = ${size}::bigint order by created_at desc`);
    if (checkpoint === undefined) {
      const next = await readCheckpoint(tx, sql`size > ${size}::bigint order by size`);
      const last = next ?? (await readCheckpoint(tx, sql`size > 0 order by size desc`));
      throw new InvalidInputError(
        `There is no checkpoint for ${size} rows${last === undefined ? "" : `; there is one for ${parseSignedCheckpoint(last).size}`}.`,
        { field: "size" },
      );
    }
    return consistencyProof({ oldSize, path: await readRoots(tx, consistencyParts(oldSize, size)), checkpoint });
  });
}

/** @throws {ConflictError} if the log lacks hashes */
function inSnapshot<T>(db: Db, read: (tx: Executor) => Promise<T>): Promise<T> {
  return db.transaction(
    async (tx) => {
      await tx.execute(entrySettings);
      try {
        return await read(tx);
      } catch (error) {
        if (!(error instanceof MissingLeafError)) throw error;
        throw new ConflictError(`${error.message} Run \`aeturnis-data audit verify\`.`, { cause: error });
      }
    },
    { isolationLevel: "repeatable read", accessMode: "read only" },
  );
}

async function readCheckpoint(tx: Executor, condition: ReturnType<typeof sql>): Promise<string | undefined> {
  const [row] = await tx.execute(sql`select note from public.audit_checkpoints where ${condition} limit 1`);
  return row?.["note"] as string | undefined;
}

const openingOf = (value: string | null, salt: Uint8Array | null): Opening | null =>
  value === null || salt === null ? null : { salt: Buffer.from(salt).toString("base64"), value };
