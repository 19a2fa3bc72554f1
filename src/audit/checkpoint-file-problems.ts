import { and, eq, gt, sql } from "drizzle-orm";
import type { Executor } from "../database/index.ts";
import { auditCheckpoints } from "../schema/index.ts";
import { parseSignedCheckpoint } from "./checkpoint.ts";
import { CheckpointFileError, readLastNote } from "./checkpoint-file.ts";
import { readLastCheckpoint } from "./checkpoints.ts";

/** How the file of checkpoints and the database differ. A checkpoint that is in only one of them is a problem. */
export async function findCheckpointFileProblems(db: Executor, file: string): Promise<string[]> {
  try {
    return [...(await findMissingInDatabase(db, file)), ...(await findMissingInFile(db, file))];
  } catch (error) {
    if (error instanceof CheckpointFileError) return [error.message];
    throw error;
  }
}

async function findMissingInDatabase(db: Executor, file: string): Promise<string[]> {
  const note = await readLastNote(file);
  if (note === undefined) return [];
  const { origin, size, root } = parseSignedCheckpoint(note);
  const [stored] = await db
    .select({ note: auditCheckpoints.note })
    .from(auditCheckpoints)
    .where(and(eq(auditCheckpoints.origin, origin), eq(auditCheckpoints.size, size)));
  const isStored = stored !== undefined && Buffer.compare(parseSignedCheckpoint(stored.note).root, root) === 0;
  if (isStored) return [];
  return [
    `AUDIT_CHECKPOINT_FILE has a checkpoint of ${origin} for ${size} rows that the database lacks: it was restored to an ` +
      "earlier moment, has lost its last transactions, or is another one. No checkpoint is signed meanwhile. " +
      "`aeturnis-data audit verify --against <AUDIT_CHECKPOINT_FILE>` tells more, and `aeturnis-data audit seal --new-origin` " +
      "accepts the loss",
  ];
}

async function findMissingInFile(db: Executor, file: string): Promise<string[]> {
  const last = await readLastCheckpoint(db);
  if (last === undefined) return [];
  const { origin } = parseSignedCheckpoint(last);
  const kept = await readLastNote(file, origin);
  const [first] = await db
    .select({ size: auditCheckpoints.size })
    .from(auditCheckpoints)
    .where(
      and(
        eq(auditCheckpoints.origin, origin),
        gt(auditCheckpoints.size, kept === undefined ? 0 : parseSignedCheckpoint(kept).size),
        // Services append a checkpoint after they have stored it.
        sql`${auditCheckpoints.createdAt} < now() - interval '1 minute'`,
      ),
    )
    .orderBy(auditCheckpoints.size)
    .limit(1);
  if (first === undefined) return [];
  return [
    `AUDIT_CHECKPOINT_FILE lacks checkpoints that the database has, from that for ${first.size} rows on: no service appends to ` +
      "it. `aeturnis-data audit seal` completes it",
  ];
}
