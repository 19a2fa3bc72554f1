import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { AuditTails, type LogPosition, parsePosition, type TailEntry } from "../../audit/index.ts";
import { writePrivately } from "../../config/index.ts";
import { createLog } from "../../observability/index.ts";
import { type Filter, filterSchema } from "../../query/index.ts";
import { type AuditEntry, auditListing } from "../../repositories/index.ts";
import { withDatabase } from "../database.ts";
import { UsageError } from "../failure.ts";
import { withInterrupt } from "../interrupt.ts";

interface TailFlags {
  readonly from?: string;
  readonly where?: string;
  readonly json: boolean;
  readonly state?: string;
}

/** Time between two writes of the state (ms). After a crash, rows of this time are printed again. */
const stateInterval = 1_000;

/** `aeturnis-data audit tail`: prints rows until it is interrupted. */
export async function auditTail({ from, where, json, state }: TailFlags): Promise<void> {
  const filter = where === undefined ? {} : parseFilter(where);
  const given = (state === undefined ? undefined : readState(state)) ?? positionOf(from);
  const lineOf = json ? jsonLine : textLine;
  await withInterrupt((signal) =>
    withDatabase(
      async ({ repositories: { audit } }) => {
        const tails = new AuditTails({ audit, log: createLog({ level: "silent" }), limit: 1 });
        const progress = state === undefined ? undefined : keepState(state);
        const start = given ?? { index: await audit.logSize() };
        if ("index" in start) progress?.advance(start.index);
        try {
          for await (const entry of tails.follow({ from: start, filter, signal, disconnect: () => {} })) {
            if (!process.stdout.write(lineOf(entry))) await once(process.stdout, "drain", { signal });
            progress?.advance(entry.index + 1);
          }
        } catch (error) {
          // Whoever reads the output may stop, too.
          if (!signal.aborted && (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
        } finally {
          progress?.save();
          tails.stop();
        }
      },
      { signal },
    ),
  );
}

const positionOf = (from: string | undefined): LogPosition | undefined =>
  from === undefined ? undefined : parsePosition(from, "--from");

/** Times in a filter are texts in JSON. */
function parseFilter(text: string): Filter<AuditEntry> {
  const dates = (value: unknown, isTime = false): unknown => {
    if (isTime && typeof value === "string") return new Date(value);
    if (Array.isArray(value)) return value.map((item) => dates(item, isTime));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, dates(item, isTime || name === "createdAt")]),
    );
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError('--where is not JSON, such as {"action":{"like":"trade.*"}}.');
  }
  const { data, error } = filterSchema(auditListing).safeParse(dates(value));
  if (error === undefined) return data;
  const [issue] = error.issues;
  throw new UsageError(`--where: ${[issue?.path.join("."), issue?.message].filter(Boolean).join(": ")}`);
}

function readState(file: string): LogPosition | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8").trim();
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--state ${file}: is not a file of this command.`);
  return { index: Number(text) };
}

/** Keeps the index of the next row in a file. */
function keepState(file: string) {
  let next: number | undefined;
  let savedAt = Number.NEGATIVE_INFINITY;
  const save = () => {
    if (next !== undefined) writePrivately(file, `${next}\n`);
    savedAt = performance.now();
  };
  return {
    save,
    advance(index: number) {
      next = index;
      if (performance.now() - savedAt > stateInterval) save();
    },
  };
}

const jsonLine = ({ index, entry }: TailEntry): string => `${JSON.stringify({ index, ...entry })}\n`;

function textLine({ index, entry }: TailEntry): string {
  const { createdAt, actor, action, resourceType, resourceId, changes } = entry;
  const resource = [resourceType, resourceId].filter((part) => part !== null).join("/");
  return `${[index, createdAt.toISOString(), actor, action, resource, changes === null ? "" : JSON.stringify(changes)]
    .filter((part) => part !== "")
    .join("  ")}\n`;
}
