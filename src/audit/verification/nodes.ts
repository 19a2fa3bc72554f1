import { sql } from "drizzle-orm";
import type { Executor } from "../../database/index.ts";
import { type Hash, hashSize, type Subtree, subtreeHash } from "../merkle.ts";
import { MissingLeafError, readTiles, tileHeight, tilesPerRead, tileWidth } from "../tree.ts";
import type { Findings } from "./findings.ts";

/** Stored nodes of one statement. It waits for the statement that reads the next leaves, so that there are few. */
const nodesPerRead = 256;

interface Node extends Subtree {
  readonly hash: Hash;
}

/** Compares inner nodes of the tree, computed from what is below them, with those that are stored. */
export class NodeVerifier {
  readonly #findings: Findings;
  /** Nodes of so many leaves are stored. */
  readonly #storedSize: number;
  readonly #tile = Buffer.alloc(tileWidth * hashSize);
  /** The index of the next leaf of the tile. */
  #next = 0;
  #nodes: Node[] = [];

  constructor(findings: Findings, storedSize: number) {
    this.#findings = findings;
    this.#storedSize = storedSize;
  }

  /** Takes the hash of a leaf, in hexadecimal. Of a tile in which one is missing no node is computed. */
  addLeaf(index: number, hash: string): void {
    const place = index % tileWidth;
    if (place !== 0 && index !== this.#next) return;
    // A hash of another length is none.
    this.#next = this.#tile.write(hash, place * hashSize, hashSize, "hex") === hashSize ? index + 1 : 0;
    if (place !== tileWidth - 1 || this.#next === 0) return;
    this.#nodes.push({ level: tileHeight, index: (index + 1) / tileWidth - 1, hash: subtreeHash(this.#tile) });
  }

  /** Compares the nodes of the leaves so far, if they are many or the last ones. */
  async verifyLeaves(tx: Executor, { isLast = false } = {}): Promise<void> {
    if (this.#nodes.length < nodesPerRead && !isLast) return;
    await this.#compare(tx, this.#nodes);
    this.#nodes = [];
  }

  /** Compares the nodes above those of leaves, for a tree of `size` leaves. */
  async verifyUpper(tx: Executor, size: number): Promise<void> {
    const stored = Math.min(size, this.#storedSize);
    try {
      for (let level = 2 * tileHeight; 2 ** level <= stored; level += tileHeight)
        for (let next = 0; next < Math.floor(stored / 2 ** level); next += tilesPerRead) {
          const end = Math.min(next + tilesPerRead, Math.floor(stored / 2 ** level));
          const tiles = await readTiles(tx, level - tileHeight, { start: next, end });
          await this.#compare(
            tx,
            tiles.map((hashes, at) => ({ level, index: next + at, hash: subtreeHash(hashes) })),
          );
        }
    } catch (error) {
      // The missing one is a finding already.
      if (!(error instanceof MissingLeafError)) throw error;
    }
    const [beyond] = await tx.execute(sql`
      select level, index::float8 as index from public.audit_tree where (index + 1)::numeric * 2 ^ level::numeric > ${size}
      order by level, index limit 1`);
    if (beyond !== undefined) this.#report(beyond as unknown as Subtree, "is there, and the log has not so many rows");
  }

  async #compare(tx: Executor, nodes: readonly Node[]): Promise<void> {
    if (nodes.length === 0) return;
    const wanted = JSON.stringify(nodes.map(({ level, index }, number) => ({ number, level, index })));
    const rows = await tx.execute(sql`
      select number, hash from json_to_recordset(${wanted}::json) as wanted (number integer, level smallint, index bigint)
      join public.audit_tree as node on node.level = wanted.level and node.index = wanted.index`);
    const stored = new Map(rows.map((row) => [Number(row["number"]), row["hash"] as Buffer]));
    for (const [number, node] of nodes.entries()) {
      const hash = stored.get(number);
      if (hash === undefined) {
        if ((node.index + 1) * 2 ** node.level <= this.#storedSize) this.#report(node, "is missing");
      } else if (!hash.equals(node.hash)) this.#report(node, "is not the hash of what is below it");
    }
  }

  #report({ level, index }: Subtree, what: string): void {
    const [first, last] = [index * 2 ** level, (index + 1) * 2 ** level - 1];
    this.#findings.add("tree", `The node of level ${level} over the indexes ${first} to ${last} ${what}.`, {
      index: first,
    });
  }
}
