/** The names of the named groups in the text of a regular expression. */
type GroupName<Pattern extends string> = Pattern extends `${string}(?<${infer Name}>${infer Rest}`
  ? Name | GroupName<Rest>
  : never;

/** What a hash of one format is made of: the named groups of the pattern are all that verification needs. */
interface HashParts<Group extends string, Cost> {
  readonly cost: Cost;
  readonly groups: Readonly<Record<Group, string>>;
}

/** A text format of password hashes. */
export interface HashFormat<Group extends string, Cost> {
  /** The parts of a hash; undefined for a text that does not have the format. */
  readonly parse: (text: string) => HashParts<Group, Cost> | undefined;
}

/** A format from the text of its pattern, which matches whole hashes, and from the cost that the groups mean. */
export function hashFormat<const Pattern extends string, Cost>(
  pattern: Pattern,
  costOf: (groups: Readonly<Record<GroupName<Pattern>, string>>) => Cost,
): HashFormat<GroupName<Pattern>, Cost> {
  const expression = RegExp(`^${pattern}$`);
  return {
    parse: (text) => {
      // A match has each named group of the pattern: none is optional.
      const groups = expression.exec(text)?.groups as Record<GroupName<Pattern>, string> | undefined;
      return groups && { cost: costOf(groups), groups };
    },
  };
}

/** Bytes in base64: the standard alphabet, that of URLs or that of passlib (`.` for `+`), with padding or without. */
const base64 = (min: number) => `[A-Za-z0-9+/._-]{${min},}={0,2}` as const;

/** Salt and digest in base64. 8 characters are 6 bytes, and 16 characters are 12 bytes. */
export const base64Salt = `(?<salt>${base64(8)})` as const;
export const base64Digest = `(?<digest>${base64(16)})` as const;
export const base64Key = base64(16);
export const base64Text = base64(1);

/** Django and Werkzeug use any text without a dollar sign as the salt. */
export const textSalt = "(?<salt>[^$\\s]{4,})";
export const hexDigest = "(?<digest>(?:[0-9a-f]{2}){16,})";

/** A digit of crypt(3) and phpass: 6 bits. */
export const cryptDigit = "[./0-9A-Za-z]";
