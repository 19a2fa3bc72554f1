import { sql } from "drizzle-orm";
import { bigint, index, inet, jsonb, pgSequence, pgTable, primaryKey, text, uuid, varchar } from "drizzle-orm/pg-core";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";
import { transactionId } from "./transaction-id.ts";
import { users } from "./users.ts";

export const auditLogConstraintMessages: ConstraintMessages = {
  audit_log_changes_check: { field: "changes", message: "Must be a JSON object." },
  audit_log_changes_keys_check: {
    field: "changes",
    message: "Must not have the keys __proto__, constructor or prototype.",
  },
  audit_log_changes_depth_check: { field: "changes", message: "Must not nest deeper than 34 levels." },
  audit_log_times_check: timeRangeMessage,
  audit_log_order_check: {
    field: "sequence",
    message: "Must be set, as must xid: omit both, and they have their defaults.",
  },
};

export const auditLogSequence = pgSequence("audit_log_sequence", { cache: 100 });

/**
 * Who changed what, when and from where.
 *
 * The table is partitioned by month of `created_at` (`partitions.audit_log_2026_11`, …), and
 * `create_audit_log_partitions` creates the partitions in advance. There is no default partition: it would rule out
 * DETACH … CONCURRENTLY, and its rows would prevent the partition of their month from being created.
 *
 * Triggers refuse every UPDATE, DELETE and TRUNCATE. `user_id` is the acting user. Deleting an account sets it to null and
 * leaves the row. `acting_id` is what `user_id` was, and `subject_id` the account that the row is about: both stay. `actor`
 * is one of `user:<uuid>`, `service:<name>`, `system:<job>` and `db:<role>`. `xid` and `sequence` give the order in which the
 * sequencer takes rows into `audit_leaves`; rows from before it have neither. The CHECK constraints exist in the migration
 * only.
 */
export const auditLog = inPublic(
  pgTable(
    "audit_log",
    {
      id: uuid().notNull().defaultRandom(),
      userId: uuid("user_id").references(() => users.id, { onDelete: "set null" }),
      action: varchar({ length: 50 }).notNull(),
      resourceType: varchar("resource_type", { length: 50 }),
      resourceId: varchar("resource_id", { length: 255 }),
      changes: jsonb().$type<Record<string, unknown>>(),
      ipAddress: inet("ip_address"),
      userAgent: text("user_agent"),
      // Of the row, and not of its transaction: the trail is in the order in which things happened.
      createdAt: instant("created_at").notNull().default(sql`greatest(current_timestamp, clock_timestamp())`),
      actor: varchar({ length: 100 }).notNull().default(sql`('db:' || session_user)`),
      requestId: varchar("request_id", { length: 64 }),
      actingId: uuid("acting_id"),
      subjectId: uuid("subject_id"),
      xid: transactionId().default(sql`pg_current_xact_id()`),
      sequence: bigint({ mode: "bigint" }).default(sql`nextval('audit_log_sequence'::regclass)`),
    },
    (table) => [
      primaryKey({ name: "audit_log_pkey", columns: [table.id, table.createdAt] }),
      index("idx_audit_user").on(table.userId, table.createdAt.desc().nullsFirst()),
      index("idx_audit_created").on(table.createdAt.desc().nullsFirst()),
      index("idx_audit_actor").on(table.actor, table.createdAt.desc().nullsFirst()),
      index("idx_audit_action").on(table.action, table.createdAt.desc().nullsFirst()),
      index("idx_audit_subject").on(table.subjectId, table.createdAt.desc().nullsFirst()),
      index("idx_audit_resource").on(table.resourceType, table.resourceId, table.createdAt.desc().nullsFirst()),
      index("idx_audit_order").on(table.xid, table.sequence).where(sql`(xid is not null)`),
    ],
  ),
);
