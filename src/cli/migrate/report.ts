import { clearLine, cursorTo } from "node:readline";
import { createLog } from "../../log.ts";
import { logEvents } from "../../migrations/log.ts";
import type { MigrateEvent } from "../../migrations/options.ts";

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

  let passing = false;
  const wipe = () => {
    if (!passing) return;
    clearLine(output, 0);
    cursorTo(output, 0);
    passing = false;
  };
  const say = (text: string) => {
    wipe();
    output.write(`${text}\n`);
  };
  const pass = (text: string) => {
    wipe();
    output.write(`  ${text}`.slice(0, (output.columns ?? 80) - 1));
    passing = true;
  };
  const onEvent = (event: MigrateEvent) => {
    if (event.type === "done") say(`  ${event.outcome.padEnd(18)}${event.tag.padEnd(40)} ${duration(event.ms)}`);
    else if (event.type === "waiting") say(`  waiting for ${event.behind.join(", ")}`);
    else if (event.type === "retry") say(`  ${event.tag}: ${event.reason}; made room, trying again`);
    else if (event.type === "warning") say(`  warning: ${event.message}`);
    else if (event.type === "notice") say(`  notice: ${event.message}`);
    else if (event.type === "statement" && event.number < event.of)
      pass(`${event.tag}  ${event.number} of ${event.of} statements`);
    else if (event.type === "progress") pass(`${event.tag}  ${duration(event.ms)}  ${event.phase ?? ""}`);
  };
  return { onEvent, end: wipe };
}

/** A time span (ms) as a person says it. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}
