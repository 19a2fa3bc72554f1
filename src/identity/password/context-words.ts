import { foldCase } from "./password-text.ts";

/** What is known about the owner of a password. */
export interface PasswordContext {
  readonly email?: string | undefined;
  readonly username?: string | undefined;
}

/** Names of the game. */
const gameNames = ["Aeturnis", "Aeturnis Online"];

/** Shorter words are found in too many texts (characters). */
const minWordLength = 3;

/**
 * Texts without what pads or separates words: once without punctuation, and once without digits, too. `mira-99` is `mira99` and
 * `mira`.
 */
const formsOf = (text: string): [string, string] => {
  const folded = foldCase(text);
  return [folded.replace(/[^\p{L}\p{M}\p{N}]/gu, ""), folded.replace(/[^\p{L}\p{M}]/gu, "")];
};

/** Whether a text is a word once or several times, the last time perhaps in part. */
const repeats = (text: string, word: string): boolean =>
  word.length >= minWordLength &&
  text.length >= word.length &&
  word.repeat(Math.ceil(text.length / word.length)).startsWith(text);

/**
 * Whether a password is nothing but the email, its local part, the username or the name of the game: in any case, repeated, or
 * with digits and punctuation around or between. The whole password is compared; one that contains such a word and other
 * letters is accepted (NIST SP 800-63B-4, 3.1.1.2: "the name of the service, the username, and derivatives thereof").
 */
export function isContextWord(password: string, { email, username }: PasswordContext): boolean {
  const local = email?.split("@", 1)[0];
  const words = [email, local, local?.split("+", 1)[0], username, ...gameNames].filter((word) => word !== undefined);
  const forms = formsOf(password);
  return words.some((word) => formsOf(word).some((form, index) => repeats(forms[index] ?? "", form)));
}
