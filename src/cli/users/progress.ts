import type { ImportProgress, ImportReport, Refusals } from "../../accounts/index.ts";
import { createLog } from "../../observability/index.ts";
import { createScreen } from "../screen.ts";

/** How often it is said how far it is (ms): to a person, and into a log. */
const often = { screen: 100, log: 5_000 };

/** Says how far an import is: to a person on a terminal, as a log of JSON lines to everybody else. */
export function createProgress({ size, json }: { size: number | undefined; json: boolean }) {
  // Standard output belongs to the result, where somebody parses it.
  const output = json ? process.stderr : process.stdout;
  const screen = output.isTTY ? createScreen(output) : undefined;
  const log = createLog({ level: "info", destination: output });
  const begun = performance.now();
  let said = 0;

  const measure = ({ rows, imported, refused, resumedBehind, read }: ImportProgress) => {
    const rowsPerSecond = Math.round(((rows - resumedBehind) / (performance.now() - begun)) * 1_000);
    return { rows, imported, refused, rowsPerSecond, percent: size && Math.floor((read / size) * 100) };
  };

  return {
    onProgress: (progress: ImportProgress): void => {
      const now = performance.now();
      const measured = measure(progress);
      if (now - said < (screen ? often.screen : often.log)) return;
      said = now;
      if (screen === undefined) log.info(measured, "importing users");
      else screen.pass(line(measured));
    },
    /** Where refused rows of a stream go: there is no file to put them beside. */
    refusals: {
      put: async (rows, at) => {
        for (const row of rows) {
          if (screen === undefined) log.warn(row, "row refused");
          else screen.say(`  line ${row.line}: ${row.field ?? "row"}: ${row.message}`);
        }
        return at;
      },
      close: async () => {},
    } satisfies Refusals as Refusals,
    end: (report: ImportReport, text: string): void => {
      if (screen === undefined) log.info(report, "import ended");
      else screen.say(text);
    },
    wipe: () => screen?.wipe(),
  };
}

export type Progress = ReturnType<typeof createProgress>;

interface Measured extends Pick<ImportProgress, "rows" | "refused"> {
  readonly rowsPerSecond: number;
  readonly percent: number | undefined;
}

function line({ rows, refused, rowsPerSecond, percent }: Measured): string {
  const parts = [`${rows.toLocaleString("en")} rows`, `${rowsPerSecond.toLocaleString("en")} rows/s`];
  if (refused > 0) parts.push(`${refused.toLocaleString("en")} refused`);
  if (percent !== undefined) parts.push(`${percent} %`);
  return parts.join("  ");
}
