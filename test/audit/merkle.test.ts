import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  completeSubtrees,
  consistencyParts,
  type Hash,
  inclusionParts,
  leafHash,
  nodeHash,
  rootOf,
  type Subtree,
} from "../../src/audit/merkle.ts";

const leafBytes = (entry: Uint8Array): Hash => Buffer.from(leafHash(entry), "hex");
const hex = (hash: Hash) => Buffer.from(hash).toString("hex");

/** The test vectors of Certificate Transparency: leaves, and the root of the first 0, 1, 2, … of them. */
const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(
  (text) => Buffer.from(text, "hex"),
);
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** MTH of RFC 6962, 2.1, word for word. */
function treeHash(entries: readonly Uint8Array[]): Hash {
  if (entries.length < 2) return entries[0] === undefined ? rootOf([]) : leafBytes(entries[0]);
  let split = 1;
  while (split * 2 < entries.length) split *= 2;
  return nodeHash(treeHash(entries.slice(0, split)), treeHash(entries.slice(split)));
}

const entries = Array.from({ length: 600 }, (_, index) => Buffer.from(`entry ${index}`));
const hashOf = ({ level, index }: Subtree) => treeHash(entries.slice(index * 2 ** level, (index + 1) * 2 ** level));
const proofOf = (parts: readonly Subtree[][]) => parts.map((part) => rootOf(part.map(hashOf)));

/** RFC 9162, 2.1.3.2. */
function rootByInclusion(index: number, size: number, leaf: Hash, proof: readonly Hash[]): Hash | undefined {
  let [fn, sn, hash] = [index, size - 1, leaf];
  for (const part of proof) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(part, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else hash = nodeHash(hash, part);
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return sn === 0 ? hash : undefined;
}

/** RFC 9162, 2.1.4.2: the roots of the older and the newer tree. */
function rootsByConsistency(old: number, size: number, oldRoot: Hash, proof: readonly Hash[]): Hash[] | undefined {
  const path = Number.isInteger(Math.log2(old)) ? [oldRoot, ...proof] : [...proof];
  let [fn, sn] = [old - 1, size - 1];
  while (fn % 2 === 1) [fn, sn] = [fn >> 1, sn >> 1];
  let [fr, sr] = [path[0] as Hash, path[0] as Hash];
  for (const part of path.slice(1)) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      [fr, sr] = [nodeHash(part, fr), nodeHash(part, sr)];
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else sr = nodeHash(sr, part);
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return sn === 0 ? [fr, sr] : undefined;
}

it("roots are those of the test vectors of RFC 6962", () => {
  for (const [size, root] of roots.entries()) {
    const subtrees = completeSubtrees(0, size).map(({ level, index }) =>
      treeHash(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
    );
    expect(hex(rootOf(subtrees))).toBe(root);
    expect(hex(treeHash(leaves.slice(0, size)))).toBe(root);
  }
});

const sizes = fc.integer({ min: 1, max: entries.length });

describe("for any size of the tree", () => {
  it("its root is that of its largest complete subtrees", () => {
    fc.assert(
      fc.property(sizes, (size) => {
        expect(hex(rootOf(completeSubtrees(0, size).map(hashOf)))).toBe(hex(treeHash(entries.slice(0, size))));
      }),
      { numRuns: 50 },
    );
  });

  it("an inclusion proof leads from the leaf to the root, and from no other leaf", () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (size, some, other) => {
        const index = some % size;
        const proof = proofOf(inclusionParts(index, size));
        const root = hex(treeHash(entries.slice(0, size)));
        const reached = (at: number, entry: number) =>
          hex(rootByInclusion(at, size, leafBytes(entries[entry] as Buffer), proof) ?? new Uint8Array());
        expect(reached(index, index)).toBe(root);
        const wrong = other % entries.length;
        if (wrong !== index) expect(reached(index, wrong)).not.toBe(root);
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
      }),
      { numRuns: 100 },
    );
  });

  it("a consistency proof leads from the older root to both", () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (size, some) => {
        const old = 1 + (some % size);
        const [oldRoot, root] = [treeHash(entries.slice(0, old)), treeHash(entries.slice(0, size))];
        const proof = proofOf(consistencyParts(old, size));
        if (old === size) expect(proof).toEqual([]);
        else expect(rootsByConsistency(old, size, oldRoot, proof)?.map(hex)).toEqual([oldRoot, root].map(hex));
      }),
      { numRuns: 100 },
    );
  });
});

it("no proof is given of a leaf or a tree that does not exist", () => {
  for (const index of [-1, 5, 0.5, Number.NaN]) expect(() => inclusionParts(index, 5)).toThrow(RangeError);
  for (const old of [0, 6]) expect(() => consistencyParts(old, 5)).toThrow(RangeError);
});

it("subtrees of a large tree have exact positions", () => {
  const size = 2 ** 45 + 3;
  expect(completeSubtrees(0, size)).toEqual([
    { level: 45, index: 0 },
    { level: 1, index: 2 ** 44 },
    { level: 0, index: 2 ** 45 + 2 },
  ]);
  expect(inclusionParts(2 ** 45 + 1, size).flat()).toEqual([
    { level: 0, index: 2 ** 45 },
    { level: 0, index: 2 ** 45 + 2 },
    { level: 45, index: 0 },
  ]);
});
