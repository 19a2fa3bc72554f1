import { logEvents, type MigrateEvent } from "../../migrator/index.ts";
import { createLog } from "../../observability/index.ts";
import { duration } from "../duration.ts";
import { createStatusLine } from "../status-line.ts";

/** Says what happens while it does: to a person on a terminal, as a log of JSON lines to everybody else. */
export function createReporter({ json }: { json: boolean }): {
  onEvent: (event: MigrateEvent) => void;
  end: () => void;
} {
  // Standard output belongs to the result, where somebody parses it.
  const output = json ? process.stderr : process.stdout;
  if (!output.isTTY) {
    return { onEvent: logEvents(createLog({ level: "info", destination: output })), end: () => {} };
  }

  const { print: say, show: pass, clear: wipe } = createStatusLine(output);
  const onEvent = (event: MigrateEvent) => {
    if (event.type === "done") say(`  ${event.outcome.padEnd(18)}${event.tag.padEnd(40)} ${duration(event.ms)}`);
    else if (event.type === "waiting") say(`  waiting for ${event.behind.join(", ")}`);
    else if (event.type === "retry") say(`  ${event.tag}: ${event.reason}; made room, trying again`);
    else if (event.type === "warning") say(`  warning: ${event.message}`);
    else if (event.type === "notice")
      say(
        [event.message, event.detail, event.hint]
          .filter(Boolean)
          .join("\n    ")
          .replace(/^/, `  ${event.severity.toLowerCase()}: `),
      );
    else if (event.type === "statement" && event.number < event.of)
      pass(`${event.tag}  ${event.number} of ${event.of} statements`);
    else if (event.type === "progress") pass(`${event.tag}  ${duration(event.ms)}  ${event.phase ?? ""}`);
  };
  return { onEvent, end: wipe };
}
