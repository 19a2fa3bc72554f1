import type { MigrateEvent } from "../../src/migrator/options.ts";

/** Creates a listener for events of the migrator; `await next("retry")` waits for the next event of a type. */
export function listener() {
  const events: MigrateEvent[] = [];
  const waiting = new Map<string, () => void>();
  return {
    events,
    onEvent: (event: MigrateEvent) => {
      events.push(event);
      waiting.get(event.type)?.();
    },
    next: (type: MigrateEvent["type"]) => new Promise<void>((resolve) => waiting.set(type, resolve)),
    warnings: () => events.flatMap((event) => (event.type === "warning" ? event.message : [])),
  };
}
