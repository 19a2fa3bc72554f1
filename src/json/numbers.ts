/**
 * A JSON number has any number of digits. jsonb stores it as `numeric`, JavaScript as a double. In both directions, a
 * number that a double represents exactly stays a number, and any other is never rounded.
 */

/** Shorter numbers without an exponent are always exact: a double holds any 15 digits (IEEE 754, DBL_DIG). */
const suspicious = /[\d.]{16}|\d[eE]/;

/** Whether JavaScript parses this JSON number and writes it again as the same value. */
export function isExactNumber(token: string): boolean {
  const number = Number(token);
  return Number.isFinite(number) && normalized(token) === normalized(String(number));
}

/** Digits without zeros at either end, and the power of ten of the last one: equal for equal numbers. -0 is 0. */
function normalized(token: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  // A loop, because /0+$/ takes quadratic time on many runs of zeros.
  let end = digits.length;
  while (digits[end - 1] === "0") end--;
  if (end === 0) return "0";
  return `${sign}${digits.slice(0, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}

/** Replaces every inexact number in a JSON text. Invalid JSON stays invalid. */
function replaceInexact(json: string, replacement: (token: string) => string): string {
  if (!suspicious.test(json)) return json;
  let result = "";
  let done = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === quote) at = endOfString(json, at);
    else if (code === minus || isDigit(code)) {
      let end = at + 1;
      while (end < json.length && isNumeric(json.charCodeAt(end))) end++;
      const token = json.slice(at, end);
      if (suspicious.test(token) && isNumber.test(token) && !isExactNumber(token)) {
        result += json.slice(done, at) + replacement(token);
        done = end;
      }
      at = end - 1;
    }
  }
  return done === 0 ? json : result + json.slice(done);
}

const isNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const [quote, backslash, minus] = [0x22, 0x5c, 0x2d];
const isDigit = (code: number) => code >= 0x30 && code <= 0x39;
/** Digits, `+`, `-`, `.`, `e`, `E`. */
const isNumeric = (code: number) =>
  isDigit(code) || code === 0x2b || code === minus || code === 0x2e || code === 0x65 || code === 0x45;

/** Returns the position of the closing quote of a string, or the length of the text. */
function endOfString(json: string, opening: number): number {
  for (let end = json.indexOf('"', opening + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let escapes = 0;
    while (json.charCodeAt(end - 1 - escapes) === backslash) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return json.length;
}

/**
 * Replaces each inexact number in a client's JSON by one that `JSON.parse` reads as Infinity, which no valid JSON number
 * yields. The validation of the values then refuses it by its path.
 */
export const markInexactNumbers = (json: string): string =>
  replaceInexact(json, (token) => (token.startsWith("-") ? "-1e999" : "1e999"));

/** The error message for an inexact number. */
export const inexactNumber =
  "must be a number that JavaScript holds exactly: send one with more digits, or a larger one, as a text";

/** Parses JSON of the database. An inexact number becomes a string of its digits. */
export const parseStoredJson = (json: string): unknown =>
  JSON.parse(replaceInexact(json, (token) => JSON.stringify(token)));
