import { tokenize } from "./lexer.ts";

const breakpoint = "--> statement-breakpoint";

/** What drizzle-kit sends at once: the text between two of its breakpoints. It looks for them everywhere, also in strings. */
export interface Piece {
  readonly text: string;
  /** Where it begins in the file. */
  readonly offset: number;
  /** Where the breakpoint is that ends it; undefined for the last. */
  readonly breakpoint: number | undefined;
}

export function splitAtBreakpoints(text: string): Piece[] {
  let offset = 0;
  const pieces = text.split(breakpoint);
  return pieces.map((piece, index) => {
    const end = offset + piece.length;
    const made = { text: piece, offset, breakpoint: index === pieces.length - 1 ? undefined : end };
    offset = end + breakpoint.length;
    return made;
  });
}

/** Whether the breakpoint behind a piece is in the middle of a line comment, whose rest would run as SQL. */
export function cutsComment({ text }: Piece, next: Piece | undefined): boolean {
  const rest = /^[^\n\r]*/.exec(next?.text ?? "")?.[0].trim() ?? "";
  if (rest === "" || rest.startsWith("--")) return false;
  const lastLine = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")) + 1;
  if (!text.includes("--", lastLine)) return false;
  const last = [...tokenize(text)].at(-1);
  return last?.kind === "line comment" && last.end === text.length;
}
