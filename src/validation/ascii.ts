/** Whether a text contains only ASCII characters (RFC 20). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are part of ASCII.
export const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text);

/** Removes ASCII spaces at both ends. `trim` also removes Unicode spaces, which would make different texts equal. */
export function trimAscii(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (start < end && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isSpace = (code: number) => code === 0x20 || (code >= 0x09 && code <= 0x0d);
