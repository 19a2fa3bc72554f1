import { hash } from "node:crypto";
import { prefixedHash } from "./prefixed-hash.ts";

/** SHA-256, in 32 bytes. */
export type Hash = Uint8Array;

/** Bytes of a hash. */
export const hashSize = 32;

/** A subtree whose 2^level leaves are all there: those from index · 2^level on. */
export interface Subtree {
  readonly level: number;
  readonly index: number;
}

/** Keeps a leaf from being taken for a node (RFC 6962, 2.1). */
const leafPrefix = Uint8Array.of(0);

/** The input of the hash of a node: a prefix, and the hashes of its two parts. */
const nodeInput = Buffer.alloc(1 + 2 * hashSize, 1);

/** The hash of the tree without leaves (RFC 6962, 2.1). */
const emptyRoot: Hash = hash("sha256", "", "buffer");

/** RFC 6962, 2.1. In hexadecimal: it is compared with what PostgreSQL prints, and a buffer takes twice the time. */
export const leafHash = (entry: string | Uint8Array): string => prefixedHash(leafPrefix, entry, "hex");

/** RFC 6962, 2.1. */
export function nodeHash(left: Hash, right: Hash): Hash {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashSize);
  return Buffer.from(hash("sha256", nodeInput, "binary"), "latin1");
}

/**
 * The largest complete subtrees of the leaves from `start` to `end`, from left to right. `start` is a multiple of the smallest
 * power of two that is not less than their number, as it is for each part of a tree.
 */
export function completeSubtrees(start: number, end: number): Subtree[] {
  const found: Subtree[] = [];
  let at = start;
  while (at < end) {
    let level = 0;
    while (2 ** (level + 1) <= end - at) level++;
    found.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return found;
}

/** The hash of a tree from those of its largest complete subtrees, from left to right. */
export const rootOf = (hashes: readonly Hash[]): Hash =>
  hashes.length === 0 ? emptyRoot : hashes.reduceRight((right, left) => nodeHash(left, right));

/**
 * The hash of a complete subtree from those of its nodes of a lower level, one after the other, whose number is a power of
 * two.
 */
export function subtreeHash(nodes: Uint8Array): Hash {
  if (nodes.length === 0) return emptyRoot;
  const level = Buffer.from(nodes);
  for (let width = nodes.length / hashSize; width > 1; width /= 2)
    for (let at = 0; at < width / 2; at++) {
      level.copy(nodeInput, 1, at * 2 * hashSize, (at + 1) * 2 * hashSize);
      level.write(hash("sha256", nodeInput, "binary"), at * hashSize, "latin1");
    }
  return level.subarray(0, hashSize);
}

/**
 * The parts of the tree of `size` leaves whose hashes are the inclusion proof of a leaf, from the leaf upwards (RFC 6962,
 * 2.1.1). The hash of a part is `rootOf` its subtrees.
 *
 * @throws {RangeError} unless 0 ≤ index < size
 */
export function inclusionParts(index: number, size: number): Subtree[][] {
  requireRange(index, 0, size - 1);
  const parts: Subtree[][] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    parts.unshift(index < middle ? completeSubtrees(middle, end) : completeSubtrees(start, middle));
    if (index < middle) end = middle;
    else start = middle;
  }
  return parts;
}

/**
 * The parts of the tree of `size` leaves whose hashes prove that its first `oldSize` leaves are the older tree (RFC 6962,
 * 2.1.2).
 *
 * @throws {RangeError} unless 0 < oldSize ≤ size
 */
export function consistencyParts(oldSize: number, size: number): Subtree[][] {
  requireRange(oldSize, 1, size);
  const parts: Subtree[][] = [];
  let [start, end] = [0, size];
  while (oldSize < end) {
    const middle = start + splitOf(end - start);
    if (oldSize <= middle) {
      parts.unshift(completeSubtrees(middle, end));
      end = middle;
    } else {
      parts.unshift(completeSubtrees(start, middle));
      start = middle;
    }
  }
  // The verifier knows the root of the older tree.
  return start === 0 ? parts : [completeSubtrees(start, end), ...parts];
}

/** The largest power of two that is less than a number of leaves. */
function splitOf(leaves: number): number {
  let power = 1;
  while (power * 2 < leaves) power *= 2;
  return power;
}

function requireRange(value: number, low: number, high: number): void {
  if (!Number.isSafeInteger(value) || value < low || value > high)
    throw new RangeError(`must be an integer from ${low} to ${high}, not ${value}`);
}
