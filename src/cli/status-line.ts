import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";

/** Lines of text on a terminal, with a status below them that the next output replaces. */
export interface StatusLine {
  /** Prints a line. */
  print(text: string): void;
  /** Shows a status, cut off at the width of the terminal. */
  show(text: string): void;
  /** Removes the status. */
  clear(): void;
}

export function createStatusLine(output: WriteStream): StatusLine {
  let isShown = false;
  const clear = () => {
    if (!isShown) return;
    clearLine(output, 0);
    cursorTo(output, 0);
    isShown = false;
  };
  return {
    clear,
    print: (text) => {
      clear();
      output.write(`${text}\n`);
    },
    show: (text) => {
      clear();
      output.write(`  ${text}`.slice(0, (output.columns ?? 80) - 1));
      isShown = true;
    },
  };
}
