import { basename, join } from "node:path";
import { readTextFile } from "./file-text.ts";
import { byteOrderMarkFault, type Migration, shortestPath, snapshotFiles } from "./folder.ts";

/** drizzle-kit's picture of the schema behind one migration; the next migration is its difference to the schema. */
interface Snapshot {
  readonly file: string;
  readonly id: string;
  readonly prevId: string;
}

/**
 * What is wrong with drizzle-kit's snapshots: what its `generate` and `check` stop at (a file that is no snapshot, two
 * with one parent), and what they go on from wrongly (a snapshot that is missing, or belongs to no migration). A folder
 * without any snapshot is written by hand, and drizzle-kit is not used.
 */
export function checkSnapshots(folder: string, migrations: readonly Migration[]): string[] {
  const files = snapshotFiles(folder);
  if (files.length === 0) return [];
  const faults: string[] = [];
  const snapshots = files.flatMap((file): Snapshot[] => {
    const found = readSnapshot(file);
    if (typeof found !== "string") return [found];
    faults.push(found);
    return [];
  });
  return [...faults, ...missing(folder, files, migrations), ...strays(files, migrations), ...collisions(snapshots)];
}

function readSnapshot(file: string): Snapshot | string {
  const name = shortestPath(file);
  const read = readTextFile(file, name);
  if ("fault" in read) return read.fault;
  if (read.mark !== "") return byteOrderMarkFault(file);
  const snapshot = parseObject(read.text);
  if (snapshot === undefined)
    return `${name} is not JSON, and drizzle-kit stops at it: restore it, or remove it if it is no snapshot`;
  const { id, prevId, version, dialect, tables } = snapshot;
  if (version !== "7" || dialect !== "postgresql" || typeof tables !== "object")
    return `${name} is no snapshot of drizzle-kit's format for PostgreSQL (version 7), and drizzle-kit stops at it: restore it, or run \`drizzle-kit up\` if it is older`;
  if (typeof id !== "string" || typeof prevId !== "string")
    return `${name} has no "id" or no "prevId", and drizzle-kit stops at it: restore it`;
  return { file, id, prevId };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** drizzle-kit names a snapshot by what a tag begins with. */
const nameOf = ({ tag }: Migration) => `${tag.split("_")[0]}_snapshot.json`;

function missing(folder: string, files: readonly string[], migrations: readonly Migration[]): string[] {
  const there = new Set(files.map((file) => basename(file)));
  return migrations.flatMap((migration, index) => {
    if (there.has(nameOf(migration))) return [];
    const file = shortestPath(join(folder, "meta", nameOf(migration)));
    const effect =
      index === migrations.length - 1
        ? "drizzle-kit would begin the next migration at an older one, and make the same changes again"
        : "the snapshots' history has a gap";
    return [
      `${file}, the snapshot of ${migration.tag}, does not exist: ${effect}. Restore it; for a migration that was written by hand, copy the snapshot before it, and give the copy a new "id" and the other's "id" as "prevId"`,
    ];
  });
}

function strays(files: readonly string[], migrations: readonly Migration[]): string[] {
  const known = new Set(migrations.map(nameOf));
  return files
    .filter((file) => !known.has(basename(file)))
    .map(
      (file) =>
        `${shortestPath(file)} belongs to no migration of the journal, and drizzle-kit would go on from it: remove it`,
    );
}

/** Two migrations that were generated from one state, and then merged, or a snapshot that was copied as it is. */
function collisions(snapshots: readonly Snapshot[]): string[] {
  return snapshots.flatMap((snapshot, index) => {
    const before = snapshots.slice(0, index);
    const names = (other: Snapshot) => `${shortestPath(other.file)} and ${basename(snapshot.file)}`;
    const sibling = before.find(({ prevId }) => prevId === snapshot.prevId);
    if (sibling !== undefined)
      return [
        `${names(sibling)} have the same parent ("prevId"), and drizzle-kit stops at that. Undo the later migration, remove its files and its line in the journal, and generate it again`,
      ];
    const twin = before.find(({ id }) => id === snapshot.id);
    return twin === undefined ? [] : [`${names(twin)} have the same "id": give the later a new one`];
  });
}
