import { InvalidInputError } from "../../errors.ts";
import type { PasswordList } from "./common-passwords.ts";
import { isContextWord, type PasswordContext } from "./context-words.ts";
import { codePointCount, foldCase, normalizePassword } from "./password-text.ts";
import { repeatedUnit } from "./repetition.ts";

/** Longest password (code points). Longer ones are refused and never truncated (NIST SP 800-63B-4, 3.1.1.2: 64 or more). */
export const maxPasswordLength = 256;

/** No Unicode text becomes shorter by more than this when it is normalized. */
const maxNormalizationFactor = 8;

/**
 * Whether a text is too long for any password, whatever it consists of. It must not be normalized: the time that takes grows
 * with the square of the length, to seconds at 160 KB of combining marks.
 */
export const isUnreadable = (password: string): boolean => password.length > maxPasswordLength * maxNormalizationFactor;

/** Shortest password that anybody may have (code points; OWASP ASVS 5.0, 6.2.1; NIST SP 800-63B-4, 3.1.1.2). */
const shortestPassword = 8;

/**
 * Whether a password is shorter than any may be. Another system may have accepted it; a rule of new passwords is that of
 * `PASSWORD_MIN_LENGTH`.
 */
export const isBelowShortest = (password: string): boolean =>
  !isUnreadable(password) && codePointCount(normalizePassword(password)) < shortestPassword;

const advice = "Several words that do not belong together make a good password.";

export interface PasswordRules {
  /** Why a password is refused, without the name of its field; undefined for an acceptable one. */
  faultOf(password: string, context: PasswordContext): Promise<string | undefined>;
  /** @throws {InvalidInputError} that names the field, the rule and what makes a good password */
  check(password: string, options: { context: PasswordContext; field: string }): Promise<void>;
}

/**
 * The rules of new passwords, after NIST SP 800-63B-4, 3.1.1.2: a length, and blocklists with which the whole password is
 * compared. There are no rules of composition, and none for parts of a password.
 */
export function createPasswordRules({ minLength, common, breached }: PasswordRuleOptions): PasswordRules {
  const lengthFault = (password: string): string | undefined => {
    const length = isUnreadable(password) ? Number.POSITIVE_INFINITY : codePointCount(normalizePassword(password));
    if (length > maxPasswordLength) return `must have at most ${maxPasswordLength} characters`;
    return length < minLength ? `must have at least ${minLength} characters. ${advice}` : undefined;
  };

  const blocklistFault = async (password: string, context: PasswordContext): Promise<string | undefined> => {
    const folded = foldCase(password);
    if (isContextWord(folded, context))
      return `must not be the email, the username or the name of the game, also repeated or with digits. ${advice}`;
    const unit = repeatedUnit(folded);
    // A repetition takes as many guesses as what it repeats, which is derived from a short or a common password.
    if (unit.length * 2 <= folded.length && codePointCount(unit) < shortestPassword)
      return `must not repeat a text of less than ${shortestPassword} characters. ${advice}`;
    if ((await common(folded)) || (await common(unit))) return `is one of the most common passwords. ${advice}`;
    if (await breached?.(password)) return `is known from a breach of another service. ${advice}`;
    return undefined;
  };

  const faultOf: PasswordRules["faultOf"] = async (password, context) =>
    lengthFault(password) ?? blocklistFault(password, context);
  return {
    faultOf,
    check: async (password, { context, field }) => {
      const fault = await faultOf(password, context);
      if (fault !== undefined) throw new InvalidInputError(`${field}: ${fault}`, { field });
    },
  };
}

interface PasswordRuleOptions {
  /** Code points. 15 for a password that is the only factor (NIST SP 800-63B-4, 3.1.1.2). */
  readonly minLength: number;
  readonly common: PasswordList;
  /** Undefined without a file of breached passwords. */
  readonly breached: PasswordList | undefined;
}
