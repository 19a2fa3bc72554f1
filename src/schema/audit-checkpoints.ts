import { bigint, pgTable, primaryKey, text, varchar } from "drizzle-orm/pg-core";
import { createdAt } from "./columns.ts";
import { type ConstraintMessages, timeRangeMessage } from "./constraint-message.ts";
import { inPublic } from "./table.ts";

export const auditCheckpointsConstraintMessages: ConstraintMessages = {
  audit_checkpoints_size_check: { field: "size", message: "Must be 0 or more." },
  audit_checkpoints_times_check: timeRangeMessage,
};

/** Signed statements of the size and root of the log of the audit trail. Triggers refuse every change. */
export const auditCheckpoints = inPublic(
  pgTable(
    "audit_checkpoints",
    {
      /** Names the log (C2SP tlog-checkpoint). */
      origin: varchar({ length: 255 }).notNull(),
      size: bigint({ mode: "number" }).notNull(),
      /** The signed note (C2SP signed-note). */
      note: text().notNull(),
      createdAt: createdAt(),
    },
    (table) => [primaryKey({ name: "audit_checkpoints_pkey", columns: [table.size, table.origin] })],
  ),
);
