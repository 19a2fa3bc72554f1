import { basename, join } from "node:path";
import { readTextFile } from "./file-text.ts";
import { byteOrderMarkFault, type Migration, shortestPath, snapshotFiles } from "./folder.ts";

/** The schema after one migration, as drizzle-kit stores it. `generate` compares the schema with the last snapshot. */
interface Snapshot {
  readonly file: string;
  readonly id: string;
  readonly prevId: string;
}

/**
 * Returns the faults of drizzle-kit's snapshots. An invalid file, or two snapshots with one parent, stop its `generate`
 * and `check`; after a missing snapshot, or one without a migration, `generate` writes a wrong migration. A folder
 * without snapshots is written by hand and has no faults.
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
    return `${name} is not JSON, and drizzle-kit stops at it: restore it, or remove it if it is not a snapshot`;
  const { id, prevId, version, dialect, tables } = snapshot;
  if (version !== "7" || dialect !== "postgresql" || typeof tables !== "object")
    return `${name} is not a snapshot in drizzle-kit's format for PostgreSQL (version 7), and drizzle-kit stops at it: restore it, or run \`drizzle-kit up\` if it is older`;
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

/** drizzle-kit names a snapshot after the number in the tag. */
const nameOf = ({ tag }: Migration) => `${tag.split("_")[0]}_snapshot.json`;

function missing(folder: string, files: readonly string[], migrations: readonly Migration[]): string[] {
  const there = new Set(files.map((file) => basename(file)));
  return migrations.flatMap((migration, index) => {
    if (there.has(nameOf(migration))) return [];
    const file = shortestPath(join(folder, "meta", nameOf(migration)));
    const effect =
      index === migrations.length - 1
        ? "drizzle-kit would base the next migration on an older one, and repeat the changes"
        : "the snapshots' history has a gap";
    return [
      `${file}, the snapshot of ${migration.tag}, does not exist: ${effect}. Restore it. For a migration that was written by hand, copy the previous snapshot, give the copy a new "id", and set its "prevId" to the "id" of the original`,
    ];
  });
}

function strays(files: readonly string[], migrations: readonly Migration[]): string[] {
  const known = new Set(migrations.map(nameOf));
  return files
    .filter((file) => !known.has(basename(file)))
    .map(
      (file) =>
        `${shortestPath(file)} belongs to no migration of the journal, and drizzle-kit could base the next migration on it: remove it`,
    );
}

/** Faults of migrations that were generated from the same snapshot and then merged, and of unedited copies. */
function collisions(snapshots: readonly Snapshot[]): string[] {
  return snapshots.flatMap((snapshot, index) => {
    const before = snapshots.slice(0, index);
    const names = (other: Snapshot) => `${shortestPath(other.file)} and ${basename(snapshot.file)}`;
    const sibling = before.find(({ prevId }) => prevId === snapshot.prevId);
    if (sibling !== undefined)
      return [
        `${names(sibling)} have the same parent ("prevId"), and drizzle-kit stops at that. Undo the later migration, remove its files and its journal entry, and generate it again`,
      ];
    const twin = before.find(({ id }) => id === snapshot.id);
    return twin === undefined ? [] : [`${names(twin)} have the same "id": give the later one a new "id"`];
  });
}
