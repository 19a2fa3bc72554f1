import { index, integer, pgTable, primaryKey, varchar } from "drizzle-orm/pg-core";
import { instant } from "./instant.ts";
import { inPublic } from "./table.ts";

/**
 * Counters of a fixed window, such as the failed sign-ins of an address. The table is unlogged: after a crash of the
 * server it is empty, and counting begins again.
 */
export const rateLimits = inPublic(
  pgTable(
    "rate_limits",
    {
      /** What is counted, such as `failures 203.0.113.7/32`. */
      bucket: varchar({ length: 100 }).notNull(),
      /** Of a bucket that counts different things, one of them; empty in the row that has the number. */
      member: varchar({ length: 64 }).notNull().default(""),
      count: integer().notNull(),
      expiresAt: instant("expires_at").notNull(),
    },
    (table) => [
      primaryKey({ name: "rate_limits_pkey", columns: [table.bucket, table.member] }),
      index("idx_rate_limits_expires").on(table.expiresAt),
    ],
  ),
);
