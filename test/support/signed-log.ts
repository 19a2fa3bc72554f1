import { writeCheckpoint } from "../../src/audit/checkpoints.ts";
import { createNoteSigner } from "../../src/audit/signed-note.ts";
import { sequenceAll } from "./audit-order.ts";
import { connectTo, createDatabase } from "./database.ts";

/** A database whose audit trail grows and is signed by hand. The caller must drop it. */
export async function createSignedLog() {
  const signer = createNoteSigner("game.example/log");
  const database = await createDatabase();
  const { db, close } = await connectTo(database.url);
  const { sql } = database;
  return {
    ...database,
    db,
    signer,
    async drop() {
      await close();
      await database.drop();
    },
    /** Adds rows, and gives them their indexes. */
    async grow(count: number) {
      await sql`
        insert into audit_log (action, changes, ip_address, user_agent, actor)
        select 'event.n' || n, jsonb_build_object('n', n), '203.0.113.7', 'agent', 'service:game' from generate_series(1, ${count}) n`;
      await sequenceAll(sql);
    },
    /** Signs a checkpoint. An empty text if the log has not grown. */
    seal: async (key = signer) => (await db.transaction((tx) => writeCheckpoint(tx, { signers: [key] }))) ?? "",
  };
}
