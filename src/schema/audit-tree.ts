import { bigint, pgTable, primaryKey, smallint } from "drizzle-orm/pg-core";
import { bytes } from "./bytes.ts";
import type { ConstraintMessages } from "./constraint-message.ts";
import { inPublic } from "./table.ts";

export const auditTreeConstraintMessages: ConstraintMessages = {
  audit_tree_level_check: { field: "level", message: "Must be a multiple of 8, from 8 to 56." },
  audit_tree_index_check: { field: "index", message: "Must be 0 or more." },
  audit_tree_hash_check: { field: "hash", message: "Must have 32 bytes." },
};

/**
 * Inner nodes of the Merkle tree over the leaves of the audit trail: of every eighth level, so that a proof reads some
 * hundred hashes and not all leaves. Each is the hash of the 2^level leaves from index · 2^level on (RFC 6962, 2.1).
 */
export const auditTree = inPublic(
  pgTable(
    "audit_tree",
    {
      level: smallint().notNull(),
      index: bigint({ mode: "number" }).notNull(),
      hash: bytes().notNull(),
    },
    (table) => [primaryKey({ name: "audit_tree_pkey", columns: [table.level, table.index] })],
  ),
);
