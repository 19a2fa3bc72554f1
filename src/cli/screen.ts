import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";

/** Lines on a terminal: some stay, one at a time passes. */
export function createScreen(output: WriteStream) {
  let passing = false;
  const wipe = () => {
    if (!passing) return;
    clearLine(output, 0);
    cursorTo(output, 0);
    passing = false;
  };
  return {
    wipe,
    say: (text: string) => {
      wipe();
      output.write(`${text}\n`);
    },
    pass: (text: string) => {
      wipe();
      output.write(`  ${text}`.slice(0, (output.columns ?? 80) - 1));
      passing = true;
    },
  };
}

/** A time span (ms) as a person says it. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}
