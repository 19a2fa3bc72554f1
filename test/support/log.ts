import { Writable } from "node:stream";
import { createAuthenticationLog } from "../../src/identity/authentication-log.ts";
import { createLog } from "../../src/observability/log.ts";
import { quiet } from "./database.ts";

/** Counts events for tests that do not look at them. */
export const quietAuthentications = createAuthenticationLog(quiet);

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
