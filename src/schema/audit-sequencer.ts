import { sql } from "drizzle-orm";
import { bigint, boolean, pgTable, uuid } from "drizzle-orm/pg-core";
import type { ConstraintMessages } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { transactionId } from "./transaction-id.ts";

export const auditSequencerConstraintMessages: ConstraintMessages = {
  audit_sequencer_id_check: { field: "id", message: "Must be true: there is one row." },
  audit_sequencer_size_check: { field: "size", message: "Must be 0 or more." },
  audit_sequencer_intake_check: { field: "intakeId", message: "Must be set exactly if intakeCreatedAt is." },
};

/**
 * The state of the sequencer, which gives the rows of `audit_log` their indexes: one row. `sequence_audit_log` changes it
 * in the transaction that adds the leaves.
 */
export const auditSequencer = inPublic(
  pgTable("audit_sequencer", {
    /** True, so that there is no second row. */
    id: boolean().primaryKey().default(true),
    /** The number of leaves, which is the next index. */
    size: bigint({ mode: "number" }).notNull().default(0),
    /** The last row that was taken in the order of transactions: rows up to it have a leaf. */
    xid: transactionId().notNull(),
    sequence: bigint({ mode: "number" }).notNull().default(0),
    /** When rows were last taken. */
    movedAt: instant("moved_at"),
    /** The cluster to which `xid` belongs. A restore from a dump has another one. */
    systemIdentifier: bigint("system_identifier", { mode: "bigint" }).notNull(),
    /** While the rows present are taken in once, in the order of their times: the last one that was. Null afterwards. */
    intakeCreatedAt: instant("intake_created_at"),
    intakeId: uuid("intake_id"),
    /** The highest transaction of the rows that were taken in so. Rows up to it, of another cluster, may have a leaf. */
    foreignXid: transactionId("foreign_xid").notNull().default(sql`'0'`),
  }),
);
