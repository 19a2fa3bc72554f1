import { bigint, pgTable, primaryKey, unique, uuid } from "drizzle-orm/pg-core";
import type { ConstraintMessages } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";

export const auditLeavesConstraintMessages: ConstraintMessages = {
  audit_leaves_index_check: { field: "index", message: "Must be 0 or more." },
  audit_leaves_index_key: { field: "index", message: "Must not be the index of another leaf." },
};

/**
 * The log of the audit trail: each row of `audit_log` has one leaf, with an index from 0 without gaps. The order is that of
 * the transactions, by their ids, and within one that of its rows.
 *
 * Partitioned like the trail, by the row's `created_at`. The SQL function `sequence_audit_log` is the only writer. Triggers
 * refuse every UPDATE, DELETE and TRUNCATE.
 */
export const auditLeaves = inPublic(
  pgTable(
    "audit_leaves",
    {
      index: bigint({ mode: "number" }).notNull(),
      /** With `createdAt`, the key of the row of `audit_log`. No foreign key: a month is archived with its leaves. */
      id: uuid().notNull(),
      createdAt: instant("created_at").notNull(),
    },
    (table) => [
      primaryKey({ name: "audit_leaves_pkey", columns: [table.id, table.createdAt] }),
      unique("audit_leaves_index_key").on(table.index, table.createdAt),
    ],
  ),
);
