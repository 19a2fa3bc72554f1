import { Writable } from "node:stream";
import { createLog } from "../../src/observability/log.ts";

/** Creates a log whose lines the test can read. */
export function readableLog(level = "debug") {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(line, _, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  return { log: createLog({ level, destination }), lines };
}
