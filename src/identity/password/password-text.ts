/** The form that is hashed: NFC, so that a password has one form on every device (NIST SP 800-63B-4, 3.1.1.2). */
export const normalizePassword = (password: string): string => password.normalize("NFC");

/**
 * The form in which passwords are compared without regard to case. Upper case comes first because some letters have one upper
 * case and several lower cases, such as σ and ς.
 */
export const foldCase = (password: string): string =>
  normalizePassword(password).toUpperCase().toLowerCase().normalize("NFC");

/** The length of a text in code points, which is how passwords are measured (NIST SP 800-63B-4, 3.1.1.2). */
export function codePointCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
