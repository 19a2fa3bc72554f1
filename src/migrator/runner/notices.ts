import { sqlstate } from "../../database/index.ts";
import type { MigrationsTable } from "../history/table-names.ts";
import type { MigrateEvent, Notice } from "../options.ts";

/** Of one migration; a loop may raise a million. */
const mostKept = 100;

/** "Already exists, skipping": what IF NOT EXISTS is for. */
const skipped = new Set<string>([
  sqlstate.duplicateSchema,
  sqlstate.duplicateTable,
  sqlstate.duplicateObject,
  sqlstate.duplicateColumn,
]);

/** Tells which migration the server's notices belong to, and keeps them for its report. */
export function createNotices(emit: (event: MigrateEvent) => void, { schema, table }: MigrationsTable) {
  let running: string | undefined;
  const kept = new Map<string, Notice[]>();
  const isOwn = (message: string) => [`"${schema}"`, `"${table}"`, `"${table}_`].some((name) => message.includes(name));

  return {
    onEvent(event: MigrateEvent): void {
      if (event.type === "start") {
        running = event.tag;
        // It may have begun before, and made room for others.
        kept.delete(event.tag);
      }
      if (event.type === "done") running = undefined;
      emit(event);
    },
    onNotice({ code, ...notice }: Notice & { code: string }): void {
      // Between migrations, and about the migrations table, IF NOT EXISTS is the migrator's own.
      if (skipped.has(code) && (running === undefined || isOwn(notice.message))) return;
      emit({ type: "notice", ...(running !== undefined && { tag: running }), ...notice });
      if (running === undefined) return;
      const list = kept.get(running) ?? [];
      if (list.length < mostKept) kept.set(running, [...list, notice]);
    },
    /** Part of a migration's outcome. */
    of(tag: string): { notices?: readonly Notice[] } {
      const notices = kept.get(tag);
      return notices === undefined ? {} : { notices };
    },
  };
}
