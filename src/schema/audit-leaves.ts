import { bigint, pgTable, primaryKey, unique, uuid } from "drizzle-orm/pg-core";
import { bytes } from "./bytes.ts";
import type { ConstraintMessages } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";

export const auditLeavesConstraintMessages: ConstraintMessages = {
  audit_leaves_index_check: { field: "index", message: "Must be 0 or more." },
  audit_leaves_hash_check: { field: "hash", message: "Must have 32 bytes." },
  audit_leaves_salts_check: { field: "changesSalt", message: "Must have 16 bytes, as must clientSalt." },
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
      /** SHA-256 of a zero byte and the entry of the row (RFC 6962, 2.1). */
      hash: bytes().notNull(),
      /** Open the commitments of the entry. Null without a value, or when it was erased. */
      changesSalt: bytes("changes_salt"),
      clientSalt: bytes("client_salt"),
    },
    (table) => [
      primaryKey({ name: "audit_leaves_pkey", columns: [table.id, table.createdAt] }),
      unique("audit_leaves_index_key").on(table.index, table.createdAt),
    ],
  ),
);
