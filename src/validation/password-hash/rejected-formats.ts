/** Formats that are recognized and not accepted: their hashes are too fast to compute, or sign-in cannot verify them. */
const rejectedFormats: readonly { readonly pattern: RegExp; readonly description: string }[] = [
  { pattern: /^(?:\{MD5-CRYPT\})?\$(?:1|apr1)\$/i, description: "MD5-crypt" },
  { pattern: /^(?:\{SHA256-CRYPT\})?\$5\$/i, description: "SHA-256-crypt" },
  { pattern: /^(?:\{SHA512-CRYPT\})?\$6\$/i, description: "SHA-512-crypt" },
  { pattern: /^\$S\$/, description: "SHA-512 of Drupal 7" },
  { pattern: /^[0-9a-f]{32}:/i, description: "a salted MD5 (Joomla, vBulletin, osCommerce)" },
  { pattern: /^\$g?y\$/, description: "yescrypt" },
  { pattern: /^\$sha1\$/, description: "SHA-1-crypt" },
  { pattern: /^\$3\$|^\$md4/, description: "an NT hash" },
  {
    pattern: /^\{S(SHA|MD5)\d*\}|^\{SHA\d*\}|^\{MD5\}|^\{SHA-?\d+\}|^\{CLEARTEXT\}|^\{PLAIN\}|^\{MD4\}/i,
    description: "a salted or plain hash of LDAP",
  },
  { pattern: /^\{(noop|ldap|sha256|standard)\}/i, description: "a plain password or a fast hash of Spring Security" },
  { pattern: /^\{pbkdf2[^}]*\}/i, description: "PBKDF2 without its parameters" },
  { pattern: /^(md5|sha1|unsalted_md5|unsalted_sha1|crypt)\$/, description: "a fast hash of Django" },
  {
    pattern: /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/i,
    description: "a fast hash such as MD5 or SHA, without a prefix",
  },
  { pattern: /^\*[0-9A-F]{40}$/, description: "a hash of MySQL" },
  { pattern: /^SCRAM-SHA-/, description: "a SCRAM verifier" },
];

/** The name of the rejected format that a text has; undefined for any other text. */
export const rejectedFormat = (text: string): string | undefined =>
  rejectedFormats.find(({ pattern }) => pattern.test(text))?.description;
