import { once } from "node:events";
import { AuditTails, type LogPosition, parsePosition, type TailEntry } from "../../audit/index.ts";
import { createLog } from "../../observability/index.ts";
import { withDatabase } from "../database.ts";
import { withInterrupt } from "../interrupt.ts";
import { entryText, parseFilter } from "./entries.ts";
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

const jsonLine = ({ index, entry }: TailEntry): string => `${JSON.stringify({ index, ...entry })}\n`;

const textLine = ({ index, entry }: TailEntry): string => `${index}  ${entryText(entry)}\n`;
