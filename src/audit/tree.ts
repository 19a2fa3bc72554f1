import { sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { auditTree } from "../schema/index.ts";
import { type Hash, hashSize, rootOf, type Subtree, subtreeHash } from "./merkle.ts";

/** Levels of the tree from one stored level to the next. */
export const tileHeight = 8;
export const tileWidth = 2 ** tileHeight;

/** Nodes that one statement reads the hashes for: 64 tiles are half a megabyte. */
export const tilesPerRead = 64;

/**
 * Stores the inner nodes of the first `size` leaves that are not stored yet. Several services may do so at once: they store
 * the same.
 */
export async function storeNodes(db: Executor, size: number): Promise<void> {
  for (let level = tileHeight; 2 ** level <= size; level += tileHeight) {
    const complete = Math.floor(size / 2 ** level);
    const [row] = await db.execute(
      sql`select coalesce(max(index) + 1, 0)::float8 as next from ${auditTree} where level = ${level}`,
    );
    for (let next = Number(row?.["next"]); next < complete; next += tilesPerRead) {
      const end = Math.min(next + tilesPerRead, complete);
      const tiles = await readTiles(db, level - tileHeight, { start: next, end });
      const nodes = tiles.map((hashes, at) => ({ level, index: next + at, hash: subtreeHash(hashes) }));
      await db.insert(auditTree).values(nodes).onConflictDoNothing();
    }
  }
}

/** The hashes of nodes of a stored level, or of leaves, one after the other, by tile. @throws {MissingLeafError} */
export async function readTiles(
  db: Executor,
  level: number,
  { start, end }: { start: number; end: number },
): Promise<Uint8Array[]> {
  const [hashes = new Uint8Array()] = await readHashes(db, [{ level, start: start * tileWidth, end: end * tileWidth }]);
  const tileSize = tileWidth * hashSize;
  return Array.from({ length: end - start }, (_, tile) => hashes.subarray(tile * tileSize, (tile + 1) * tileSize));
}

/**
 * The roots of parts of the tree, each given as its complete subtrees. All nodes below the size of the tree are stored.
 *
 * @throws {MissingLeafError} if the log does not have a leaf
 */
export async function readRoots(db: Executor, parts: readonly (readonly Subtree[])[]): Promise<Hash[]> {
  const wanted = parts.flat().map(({ level, index }) => {
    const stored = level - (level % tileHeight);
    const width = 2 ** (level - stored);
    return { level: stored, start: index * width, end: (index + 1) * width };
  });
  const hashes = (await readHashes(db, wanted)).map(subtreeHash);
  let at = 0;
  return parts.map((part) => {
    const own = hashes.slice(at, at + part.length);
    at += part.length;
    return rootOf(own);
  });
}

/** A leaf or an inner node is missing: the log is not whole. */
export class MissingLeafError extends Error {
  override readonly name = "MissingLeafError";
}

interface NodeRange {
  readonly level: number;
  readonly start: number;
  readonly end: number;
}

/** The hashes of nodes, one after the other, by range, in one statement. @throws {MissingLeafError} */
async function readHashes(db: Executor, ranges: readonly NodeRange[]): Promise<Uint8Array[]> {
  if (ranges.length === 0) return [];
  const rows = await db.execute(sql`
    select number::integer, count(*)::float8 as count, string_agg(hash, ''::bytea order by node.index) as hashes
    from json_to_recordset(${JSON.stringify(ranges.map((range, number) => ({ number, ...range })))}::json)
      as wanted (number integer, level smallint, start bigint, "end" bigint)
    cross join lateral (
      select leaf.index, hash from public.audit_leaves as leaf where wanted.level = 0 and leaf.index >= wanted.start and leaf.index < wanted."end"
      union all
      select tree.index, hash from public.audit_tree as tree where tree.level = wanted.level and tree.index >= wanted.start and tree.index < wanted."end"
    ) as node
    group by number`);
  const found = new Map(rows.map((row) => [Number(row["number"]), row["hashes"] as Buffer]));
  return ranges.map(({ level, start, end }, number) => {
    const bytes = found.get(number) ?? Buffer.alloc(0);
    if (bytes.length !== (end - start) * hashSize)
      throw new MissingLeafError(
        `The log of the audit trail has ${bytes.length / hashSize} of the ${end - start} hashes of level ${level} from ${start} on.`,
      );
    return bytes;
  });
}
