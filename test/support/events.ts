import type { MigrateEvent } from "../../src/migrator/options.ts";

/** A listener to a migrator that can be waited for: `await heard("retry")`. */
export function listener() {
  const events: MigrateEvent[] = [];
  const waiting = new Map<string, () => void>();
  return {
    events,
    onEvent: (event: MigrateEvent) => {
      events.push(event);
      waiting.get(event.type)?.();
    },
    heard: (type: MigrateEvent["type"]) => new Promise<void>((resolve) => waiting.set(type, resolve)),
    warnings: () => events.flatMap((event) => (event.type === "warning" ? event.message : [])),
  };
}
