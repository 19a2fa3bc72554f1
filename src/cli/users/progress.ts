import type { ImportProgress, ImportReport, RejectedRowWriter } from "../../accounts/index.ts";
import { createLog } from "../../observability/index.ts";
import { createStatusLine } from "../status-line.ts";

/** Shortest time between two reports of progress (ms). */
const reportInterval = { terminal: 100, log: 5_000 };

export interface Progress {
  onProgress(progress: ImportProgress): void;
  /** Prints the rejected rows of a stream, which has no file to write them beside. */
  readonly rejectedRows: RejectedRowWriter;
  end(report: ImportReport, summary: string): void;
  clear(): void;
}

/**
 * Reports the progress of an import: as a status line on a terminal, otherwise as a log of JSON lines.
 *
 * @param options.size bytes of the file, for the percentage
 * @param options.json true: standard output is for the result, so progress goes to standard error
 */
export function createProgress({ size, json }: { size: number | undefined; json: boolean }): Progress {
  const output = json ? process.stderr : process.stdout;
  const terminal = output.isTTY ? createStatusLine(output) : undefined;
  const log = createLog({ level: "info", destination: output });
  const startedAt = performance.now();
  let reportedAt = 0;

  const measure = ({ rows, imported, refused, resumedBehind, bytesRead }: ImportProgress, now: number) => {
    const rowsPerSecond = Math.round(((rows - resumedBehind) / (now - startedAt)) * 1_000);
    return { rows, imported, refused, rowsPerSecond, percent: size && Math.floor((bytesRead / size) * 100) };
  };

  return {
    onProgress: (progress) => {
      const now = performance.now();
      if (now - reportedAt < (terminal ? reportInterval.terminal : reportInterval.log)) return;
      reportedAt = now;
      const measured = measure(progress, now);
      if (terminal === undefined) log.info(measured, "importing users");
      else terminal.show(statusText(measured));
    },
    rejectedRows: {
      write: async (rows, offset) => {
        for (const row of rows) {
          if (terminal === undefined) log.warn(row, "row refused");
          else terminal.print(`  line ${row.line}: ${row.field ?? "row"}: ${row.message}`);
        }
        return offset;
      },
      close: async () => {},
    },
    end: (report, summary) => {
      if (terminal === undefined) log.info(report, "import ended");
      else terminal.print(summary);
    },
    clear: () => terminal?.clear(),
  };
}

interface Measurement extends Pick<ImportProgress, "rows" | "refused"> {
  readonly rowsPerSecond: number;
  readonly percent: number | undefined;
}

function statusText({ rows, refused, rowsPerSecond, percent }: Measurement): string {
  const parts = [`${rows.toLocaleString("en")} rows`, `${rowsPerSecond.toLocaleString("en")} rows/s`];
  if (refused > 0) parts.push(`${refused.toLocaleString("en")} refused`);
  if (percent !== undefined) parts.push(`${percent} %`);
  return parts.join("  ");
}
