import { logEvents, type MigrateEvent } from "../../migrator/index.ts";
import { createLog } from "../../observability/index.ts";
import { duration } from "../duration.ts";
import { createStatusLine } from "../status-line.ts";

/** Reports the events of a command: as text on a terminal, otherwise as JSON lines of the log. */
export function createReporter({ json }: { json: boolean }): {
  onEvent: (event: MigrateEvent) => void;
  end: () => void;
} {
  // With --json, standard output contains only the result.
  const output = json ? process.stderr : process.stdout;
  if (!output.isTTY) {
    return { onEvent: logEvents(createLog({ level: "info", destination: output })), end: () => {} };
  }

  const { print, show, clear } = createStatusLine(output);
  const onEvent = (event: MigrateEvent) => {
    if (event.type === "done") print(`  ${event.outcome.padEnd(18)}${event.tag.padEnd(40)} ${duration(event.ms)}`);
    else if (event.type === "waiting") print(`  waiting for ${event.behind.join(", ")}`);
    else if (event.type === "retry") print(`  ${event.tag}: ${event.reason}; rolled back, trying again`);
    else if (event.type === "warning") print(`  warning: ${event.message}`);
    else if (event.type === "notice")
      print(
        [event.message, event.detail, event.hint]
          .filter(Boolean)
          .join("\n    ")
          .replace(/^/, `  ${event.severity.toLowerCase()}: `),
      );
    else if (event.type === "statement" && event.number < event.of)
      show(`${event.tag}  ${event.number} of ${event.of} statements`);
    else if (event.type === "progress") show(`${event.tag}  ${duration(event.ms)}  ${event.phase ?? ""}`);
  };
  return { onEvent, end: clear };
}
