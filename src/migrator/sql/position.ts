/** A place in a file; line and column start at 1, and the column counts characters. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The text of the line. */
  readonly text: string;
}

const lineEnds = /\r\n|\n|\r/g;

/** Converts an offset in a text (UTF-16 code units) to a place. Lines end with LF, CR LF or CR, as in PostgreSQL. */
export function placeIn(file: string, text: string, offset: number): Place {
  let line = 1;
  let start = 0;
  lineEnds.lastIndex = 0;
  for (let found = lineEnds.exec(text); found !== null && lineEnds.lastIndex <= offset; found = lineEnds.exec(text)) {
    line += 1;
    start = lineEnds.lastIndex;
  }
  lineEnds.lastIndex = start;
  const end = lineEnds.exec(text)?.index ?? text.length;
  const column = [...text.slice(start, offset)].length + 1;
  return { file, line, column, text: text.slice(start, end).trimEnd() };
}

/** Formats a place as `file:line:column`, as compilers do. */
export const describePlace = ({ file, line, column }: Place): string => `${file}:${line}:${column}`;
