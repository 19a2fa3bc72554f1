/** A place in a file; line and column count from 1, in characters. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line itself. */
  readonly text: string;
}

const lineEnds = /\r\n|\n|\r/g;

/** The place of an offset (UTF-16 units) in a text. Lines end with LF, CR LF or CR, as they do for PostgreSQL. */
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

/** `file:line:column`, as editors and compilers write it. */
export const describePlace = ({ file, line, column }: Place): string => `${file}:${line}:${column}`;
