import { createInterface } from "node:readline/promises";

/**
 * Returns a function that asks for confirmation on the terminal. With `--yes` it confirms without asking; without a
 * terminal, or with `--json`, the result is undefined.
 */
export function createConfirm<T>(
  { yes, json }: { yes?: boolean; json?: boolean },
  describe: (subject: T) => readonly string[],
  question: string,
): ((subject: T) => Promise<boolean>) | undefined {
  if (yes) return async () => true;
  if (!process.stdin.isTTY || !process.stdout.isTTY || json) return undefined;
  return async (subject) => {
    console.log(describe(subject).join("\n"));
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    // Ctrl-C and the end of the input count as "no".
    const stopping = new AbortController();
    terminal.on("SIGINT", () => stopping.abort()).on("close", () => stopping.abort());
    const answer = await terminal.question(`${question} (yes/no) `, { signal: stopping.signal }).catch(() => "no");
    terminal.close();
    return answer.trim().toLowerCase() === "yes";
  };
}
