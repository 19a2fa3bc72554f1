import { characters, integer, pick, type Random } from "./random.ts";

const digits = "0123456789";
const lower = "abcdefghijklmnopqrstuvwxyz";
const upper = lower.toUpperCase();
const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("");

const escapes: Record<string, string> = {
  d: digits,
  w: `${lower}${upper}${digits}_`,
  s: " ",
  D: lower,
  S: lower,
  W: "-",
  t: "\t",
  n: "\n",
};
const classes: Record<string, string> = {
  alpha: lower + upper,
  alnum: lower + upper + digits,
  digit: digits,
  lower,
  upper,
  space: " ",
  punct: "!,-.:;?_",
  xdigit: `${digits}abcdefABCDEF`,
};

export const isPattern = (text: string): boolean => /[\^$[\\+*(.]/.test(text);

/**
 * A text that the regular expression matches, or undefined where it uses what is not known here:
 * back references, look-around. A helper of guesses: whoever uses it tries the text.
 */
export function matchPattern(pattern: string, random: Random): string | undefined {
  let at = 0;
  const next = () => pattern[at++];

  function alternatives(): string {
    const options = [sequence()];
    while (pattern[at] === "|") {
      at++;
      options.push(sequence());
    }
    return pick(random, options);
  }

  function sequence(): string {
    let text = "";
    while (at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") {
      const start = at;
      const once = atom();
      const [low, high] = quantifier();
      const end = at;
      const count = low === high ? low : integer(random, low, high);
      // Anew each time, so that [a-z]{3} is not one letter three times.
      for (let repeat = 0; repeat < count; repeat++) {
        at = start;
        text += repeat === 0 ? once : atom();
      }
      at = end;
    }
    return text;
  }

  function atom(): string {
    const character = next() as string;
    if (character === "^" || character === "$") return "";
    if (character === ".") return pick(random, [...(lower + digits)]);
    if (character === "[") return set();
    if (character === "\\") return escaped();
    if (character !== "(") return character;
    if (pattern.startsWith("?:", at)) at += 2;
    else if (pattern[at] === "?") throw new SyntaxError("look-around");
    const text = alternatives();
    if (next() !== ")") throw new SyntaxError("a group without end");
    return text;
  }

  function escaped(): string {
    const character = next() ?? "\\";
    if ("mMyAZ".includes(character)) return "";
    if (/[1-9]/.test(character)) throw new SyntaxError("back reference");
    return characters(random, 1, escapes[character] ?? character);
  }

  function set(): string {
    const not = pattern[at] === "^";
    if (not) at++;
    let members = "";
    for (let first = true; first || pattern[at] !== "]"; first = false) {
      if (at >= pattern.length) throw new SyntaxError("a set without end");
      const named = /^\[:(\w+):\]/.exec(pattern.slice(at));
      if (named) {
        at += named[0].length;
        members += classes[named[1] as string] ?? "";
        continue;
      }
      const from = next() as string;
      if (from === "\\") members += escapes[pattern[at] as string] ?? pattern[at];
      if (from === "\\") at++;
      else if (pattern[at] === "-" && pattern[at + 1] !== "]") {
        at++;
        for (let code = from.charCodeAt(0); code <= pattern.charCodeAt(at); code++)
          members += String.fromCharCode(code);
        at++;
      } else members += from;
    }
    at++;
    return pick(random, [...(not ? [...(lower + printable)].filter((one) => !members.includes(one)) : members)]);
  }

  function quantifier(): [number, number] {
    const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(pattern.slice(at));
    if (!found) return [1, 1];
    at += found[0].length;
    if (found[1]) return found[1] === "*" ? [0, 3] : found[1] === "+" ? [1, 6] : [0, 1];
    const low = Number(found[2]);
    return [low, found[3] ? Math.min(Number(found[4] || low + 4), low + 12) : low];
  }

  try {
    // (?i) and the like at the start say how to match, not what.
    at = /^\(\?[a-z]+\)/.exec(pattern)?.[0].length ?? 0;
    const text = alternatives();
    return at === pattern.length ? text : undefined;
  } catch {
    return undefined;
  }
}
