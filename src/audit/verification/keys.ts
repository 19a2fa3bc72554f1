import { sql } from "drizzle-orm";
import type { Executor } from "../../database/index.ts";
import { keyActor, rotationAction } from "../key-rotation.ts";
import { type NoteVerifier, parseNoteVerifier } from "../signed-note.ts";

/** Keys of one log. It has one more for each rotation. */
const maxKeys = 1_000;

/**
 * The keys that rows of the log name: those of its rotations. One that has the id of a given key, which is 32 bits long, is not
 * that key, and counts for nothing.
 */
export async function readNamedKeys(tx: Executor, given: readonly NoteVerifier[]): Promise<NoteVerifier[]> {
  const rows = await tx.execute(sql`
    select distinct key from public.audit_log as entry
    cross join jsonb_array_elements_text(case jsonb_typeof(changes -> 'key') when 'array' then changes -> 'key' else '[]' end) as key
    where action = ${rotationAction} and actor = ${keyActor.name}
      and exists (select from public.audit_leaves as leaf where leaf.id = entry.id and leaf.created_at = entry.created_at)
    limit ${maxKeys}`);
  const keys = rows.flatMap((row) => {
    try {
      return [parseNoteVerifier(String(row["key"]))];
    } catch {
      return [];
    }
  });
  return keys.filter((key) => !given.some(({ name, id }) => name === key.name && id === key.id));
}
