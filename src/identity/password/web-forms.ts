// Some PHP programs hash a password not as it was typed but as their forms passed it on. The functions return each distinct
// form of a password, the one of the program first, and last the password as it is.

/** Characters that PHP's trim() removes. */
const outerSpace = /^[ \t\n\r\0\v]+|[ \t\n\r\0\v]+$/g;

// latin1 is one character for each byte, so that bytes which are not UTF-8 remain.
const textOf = (password: Buffer): string => password.toString("latin1");
const trimmed = (text: string): string => text.replace(outerSpace, "");

const distinct = (...texts: readonly string[]): Buffer[] =>
  [...new Set(texts)].map((text) => Buffer.from(text, "latin1"));

/**
 * WordPress adds backslashes to all fields of a request (`wp_magic_quotes`), does not remove them from passwords, and trims
 * passwords (`wp_hash_password`, `wp_authenticate`). Passwords that a program sets have no backslashes added.
 */
export function wordPressForms(password: Buffer): Buffer[] {
  const text = textOf(password);
  const slashed = text.replace(/['"\\]/g, "\\$&").replaceAll("\0", "\\0");
  return distinct(trimmed(slashed), trimmed(text), text);
}

/** phpBB escapes all fields of a request for HTML (`type_cast_helper::set_var`), and version 3.0 also trims passwords. */
export function phpBbForms(password: Buffer): Buffer[] {
  const text = textOf(password);
  const escaped = text
    .replaceAll("&", "&amp;")
    .replaceAll('"', "&quot;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
  return distinct(escaped, trimmed(escaped), text);
}
