import { tokenize } from "./lexer.ts";

const breakpoint = "--> statement-breakpoint";

/** The text between two breakpoints, which drizzle-kit sends as one query. Breakpoints inside strings count, too. */
export interface Piece {
  readonly text: string;
  /** Offset in the file. */
  readonly offset: number;
  /** Offset of the breakpoint that ends it; undefined for the last piece. */
  readonly breakpoint: number | undefined;
}

/** Splits a script at drizzle-kit's breakpoints. */
export function splitAtBreakpoints(text: string): Piece[] {
  let offset = 0;
  const pieces = text.split(breakpoint);
  return pieces.map((piece, index) => {
    const end = offset + piece.length;
    const result = { text: piece, offset, breakpoint: index === pieces.length - 1 ? undefined : end };
    offset = end + breakpoint.length;
    return result;
  });
}

/** Whether the breakpoint after a piece is inside a line comment, the rest of which would run as SQL. */
export function cutsComment({ text }: Piece, next: Piece | undefined): boolean {
  const rest = /^[^\n\r]*/.exec(next?.text ?? "")?.[0].trim() ?? "";
  if (rest === "" || rest.startsWith("--")) return false;
  const lastLine = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")) + 1;
  if (!text.includes("--", lastLine)) return false;
  const last = [...tokenize(text)].at(-1);
  return last?.kind === "line comment" && last.end === text.length;
}
