import { sql } from "drizzle-orm";
import { index, inet, jsonb, pgTable, primaryKey, text, uuid, varchar } from "drizzle-orm/pg-core";
import { createdAt } from "./columns.ts";
import { inPublic } from "./table.ts";
import { users } from "./users.ts";

/**
 * Who changed what, when and from where.
 *
 * Partitioned by month on `created_at` (`partitions.audit_log_2026_11`, …; made ahead of time by
 * `create_audit_log_partitions`). There is no default partition: it would block DETACH … CONCURRENTLY,
 * and rows in it would block the month they belong to. `user_id` is who acted; the trail outlives
 * the account. `actor` says it in words: `user:<uuid>`, `service:<name>`, `system:<job>`, `db:<role>`.
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
      createdAt: createdAt(),
      actor: varchar({ length: 100 }).notNull().default(sql`('db:' || session_user)`),
      requestId: varchar("request_id", { length: 64 }),
    },
    (table) => [
      primaryKey({ name: "audit_log_pkey", columns: [table.id, table.createdAt] }),
      index("idx_audit_user").on(table.userId, table.createdAt.desc().nullsFirst()),
      index("idx_audit_created").on(table.createdAt.desc().nullsFirst()),
      index("idx_audit_actor").on(table.actor, table.createdAt.desc().nullsFirst()),
      index("idx_audit_action").on(table.action, table.createdAt.desc().nullsFirst()),
      index("idx_audit_resource").on(table.resourceType, table.resourceId, table.createdAt.desc().nullsFirst()),
    ],
  ),
);
