/** Whether a text is of ASCII alone (RFC 20). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are ASCII, too.
export const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text);

/** Without the spaces of ASCII around it: `trim` takes those of Unicode, too, and another text would become the same. */
export function trimAscii(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (start < end && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isSpace = (code: number) => code === 0x20 || (code >= 0x09 && code <= 0x0d);
