import { once } from "node:events";
import { AuditTails, type LogPosition, parsePosition, type TailEntry } from "../../audit/index.ts";
import { createLog } from "../../observability/index.ts";
import { type Filter, filterSchema } from "../../query/index.ts";
import { type AuditEntry, auditListing } from "../../repositories/index.ts";
import { withDatabase } from "../database.ts";
import { UsageError } from "../failure.ts";
import { withInterrupt } from "../interrupt.ts";
import { TailState } from "./tail-state.ts";

interface TailFlags {
  readonly from?: string;
  readonly where?: string;
  readonly json: boolean;
  readonly state?: string;
}

/** `aeturnis-data audit tail`: prints rows until it is interrupted. */
export async function auditTail({ from, where, json, state: file }: TailFlags): Promise<void> {
  const filter = where === undefined ? {} : parseFilter(where);
  const state = file === undefined ? undefined : new TailState(file);
  const given = state?.start ?? positionOf(from);
  const lineOf = json ? jsonLine : textLine;
  const reader = new PipeReader();
  await withInterrupt((signal) =>
    withDatabase(
      async ({ repositories: { audit } }) => {
        await state?.verify(audit);
        const tails = new AuditTails({ audit, log: createLog({ level: "silent" }), limit: 1 });
        const start = given ?? { index: await audit.logSize() };
        if ("index" in start) state?.begin(start.index);
        const ended = AbortSignal.any([signal, reader.gone]);
        try {
          for await (const tailEntry of tails.follow({ from: start, filter, signal: ended, disconnect: () => {} })) {
            const line = lineOf(tailEntry);
            if (!process.stdout.write(line)) await once(process.stdout, "drain", { signal: ended });
            state?.advance({ index: tailEntry.index, id: tailEntry.entry.id }, Buffer.byteLength(line));
          }
        } catch (error) {
          if (!ended.aborted) throw error;
        } finally {
          if (reader.gone.aborted) state?.rewind();
          state?.save();
          tails.stop();
        }
      },
      { signal },
    ),
  );
  reader.requireNoOtherError();
}

/** Whoever reads standard output. It may stop before this command does. */
class PipeReader {
  readonly #gone = new AbortController();

  constructor() {
    process.stdout.on("error", (error) => this.#gone.abort(error));
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** @throws an error of the output other than that its reader is gone, such as a full disk */
  requireNoOtherError(): void {
    const { reason } = this.gone;
    if (this.gone.aborted && (reason as NodeJS.ErrnoException).code !== "EPIPE") throw reason;
  }
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

const jsonLine = ({ index, entry }: TailEntry): string => `${JSON.stringify({ index, ...entry })}\n`;

function textLine({ index, entry }: TailEntry): string {
  const { createdAt, actor, action, resourceType, resourceId, changes } = entry;
  const resource = [resourceType, resourceId].filter((part) => part !== null).join("/");
  return `${[index, createdAt.toISOString(), actor, action, resource, changes === null ? "" : JSON.stringify(changes)]
    .filter((part) => part !== "")
    .join("  ")}\n`;
}
