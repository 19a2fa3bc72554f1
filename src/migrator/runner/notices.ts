import { sqlstate } from "../../database/index.ts";
import type { MigrationsTable } from "../history/table-names.ts";
import type { MigrateEvent, Notice } from "../options.ts";

/** Maximum number of notices in the result of one migration, because a loop can raise a million. */
const maxNotices = 100;

/** SQLSTATEs of "already exists, skipping", which IF NOT EXISTS causes. */
const skippedCodes = new Set<string>([
  sqlstate.duplicateSchema,
  sqlstate.duplicateTable,
  sqlstate.duplicateObject,
  sqlstate.duplicateColumn,
]);

/** Assigns server notices to the running migration, reports them as events, and collects them for its result. */
export function createNotices(emit: (event: MigrateEvent) => void, { schema, table }: MigrationsTable) {
  let runningTag: string | undefined;
  const noticesByTag = new Map<string, Notice[]>();
  const isOwn = (message: string) => [`"${schema}"`, `"${table}"`, `"${table}_`].some((name) => message.includes(name));

  return {
    onEvent(event: MigrateEvent): void {
      if (event.type === "start") {
        runningTag = event.tag;
        // A migration starts again after a lock timeout.
        noticesByTag.delete(event.tag);
      }
      if (event.type === "done") runningTag = undefined;
      emit(event);
    },
    onNotice({ code, ...notice }: Notice & { code: string }): void {
      // The migrator itself uses IF NOT EXISTS between migrations and for the migrations table.
      if (skippedCodes.has(code) && (runningTag === undefined || isOwn(notice.message))) return;
      emit({ type: "notice", ...(runningTag !== undefined && { tag: runningTag }), ...notice });
      if (runningTag === undefined) return;
      const notices = noticesByTag.get(runningTag) ?? [];
      if (notices.length < maxNotices) noticesByTag.set(runningTag, [...notices, notice]);
    },
    /** The notices of a migration, as part of its `Outcome`. */
    of(tag: string): { notices?: readonly Notice[] } {
      const notices = noticesByTag.get(tag);
      return notices === undefined ? {} : { notices };
    },
  };
}
