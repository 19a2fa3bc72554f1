import { sql } from "drizzle-orm";
import type { Executor } from "../../database/index.ts";
import { rotationAction } from "../key-rotation.ts";
import { type NoteVerifier, parseNoteVerifier } from "../signed-note.ts";

/** The keys that rows of the log name: those of its rotations. */
export async function readNamedKeys(tx: Executor): Promise<NoteVerifier[]> {
  const rows = await tx.execute(sql`
    select distinct key from public.audit_log as entry
    cross join jsonb_array_elements_text(case jsonb_typeof(changes -> 'key') when 'array' then changes -> 'key' else '[]' end) as key
    where action = ${rotationAction}
      and exists (select from public.audit_leaves as leaf where leaf.id = entry.id and leaf.created_at = entry.created_at)`);
  return rows.flatMap((row) => {
    try {
      return [parseNoteVerifier(String(row["key"]))];
    } catch {
      // An event of the game may have the same action.
      return [];
    }
  });
}
