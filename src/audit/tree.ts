import { sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { auditTree } from "../schema/index.ts";
import { type Hash, rootOf, type Subtree, subtreeHash } from "./merkle.ts";

/** Levels of the tree from one stored level to the next. */
const tileHeight = 8;
const tileWidth = 2 ** tileHeight;

/** Nodes that one statement reads the hashes for: 64 tiles are half a megabyte. */
const tilesPerRead = 64;

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

/** The hashes of nodes of a stored level, or of leaves, in the order of tiles. @throws {MissingLeafError} */
async function readTiles(
  db: Executor,
  level: number,
  { start, end }: { start: number; end: number },
): Promise<Hash[][]> {
  const hashes = await readHashes(db, [{ level, start: start * tileWidth, end: end * tileWidth }]);
  return Array.from(
    { length: end - start },
    (_, tile) => hashes[0]?.slice(tile * tileWidth, (tile + 1) * tileWidth) ?? [],
  );
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
  const hashes = (await readHashes(db, wanted)).map((nodes) => subtreeHash(nodes));
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

/** The hashes of nodes, by range, in one statement. @throws {MissingLeafError} */
async function readHashes(db: Executor, ranges: readonly NodeRange[]): Promise<Hash[][]> {
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
    if (bytes.length !== (end - start) * 32)
      throw new MissingLeafError(
        `The log of the audit trail has ${bytes.length / 32} of the ${end - start} hashes of level ${level} from ${start} on.`,
      );
    return Array.from({ length: end - start }, (_, at) => bytes.subarray(at * 32, (at + 1) * 32));
  });
}
