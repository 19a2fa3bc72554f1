import type { RelationStates } from "../introspection/relation-states.ts";

/** Returns the highest ancestor of a partition such that `same` is true for it and every table below it on the path. */
export function highestAncestor(tables: RelationStates, oid: string, same: (parent: string) => boolean): string {
  const parent = tables.get(oid)?.parent;
  return parent && same(parent) ? highestAncestor(tables, parent, same) : oid;
}

/** Returns the names of tables. When all partitions of a table are given, its name replaces theirs. */
export function collapsePartitions(tables: RelationStates, oids: readonly string[]): string[] {
  const given = new Set(oids);
  const whole = (oid: string): boolean => {
    const partitions = [...tables.values()].filter(({ parent }) => parent === oid);
    if (tables.get(oid)?.kind !== "p") return given.has(oid);
    return partitions.length > 0 && partitions.every((partition) => whole(partition.oid));
  };
  const names = oids.map((oid) => tables.get(highestAncestor(tables, oid, whole))?.name ?? oid);
  return [...new Set(names)].sort();
}
