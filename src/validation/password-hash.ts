/**
 * Password hashes that accounts may bring along, as they are: in the PHC string format
 * (https://github.com/P-H-C/phc-string-format) or in the usual forms of crypt, passlib, Django,
 * Werkzeug, WordPress, Firebase and ASP.NET.
 * What a hash costs to check is bounded: one that takes minutes would take the service with it.
 */
interface Form {
  readonly form: RegExp;
  readonly affordable: (costs: Readonly<Record<string, string>>) => boolean;
}

/** Texts in one of the variants of base64: standard, of URLs, of crypt; with `=` at the end or without. */
const salt = String.raw`[\w+/.=-]{8,}`;
const digest = String.raw`[\w+/.=-]{16,}`;
/** What Django and Werkzeug put there is any text without a dollar sign. */
const anySalt = String.raw`[^$\s]{4,}`;
const any64 = String.raw`[\w+/.=-]+`;
/** bcrypt's own alphabet: 22 characters of salt, 31 of hash. */
const bcryptPair = "[./A-Za-z0-9]{53}";

const whole = (text: string | undefined, base = 10): number => Number.parseInt(text ?? "", base);
const within = (number: number, least: number, most: number): boolean => number >= least && number <= most;

/** Memory in KiB, passed over some times: 1 GiB four times is libsodium's most expensive. */
const argon2 = ({ kib, passes, lanes }: Record<string, string>): boolean =>
  within(whole(kib), 8, 2 ** 20) && within(whole(kib) * whole(passes), 8, 2 ** 22) && within(whole(lanes), 1, 64);

const bcrypt = ({ cost }: Record<string, string>): boolean => within(whole(cost), 4, 18);

/** Takes 128 × n × r bytes, and p times as long: 1 GiB, four times. */
const scrypt = (n: number, r: number, p: number): boolean =>
  Number.isInteger(Math.log2(n)) &&
  within(n, 2, 2 ** 20) &&
  r >= 1 &&
  n * r <= 2 ** 23 &&
  within(n * r * p, 2, 2 ** 25);

const pbkdf2 = (rounds: number): boolean => within(rounds, 1, 10_000_000);
const plainRounds = ({ rounds }: Record<string, string>) => pbkdf2(whole(rounds));
const plainScrypt = ({ n, r, p }: Record<string, string>) => scrypt(whole(n), whole(r), whole(p));
const logScrypt = ({ ln, r, p }: Record<string, string>) => scrypt(2 ** whole(ln), whole(r), whole(p));

/** crypt's numbers: digits of 6 bits, the lowest first. */
const crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const cryptNumber = (text = ""): number =>
  [...text].reduce((sum, digit, place) => sum + crypt64.indexOf(digit) * 64 ** place, 0);

/**
 * A format byte: 0 and 48 bytes (PBKDF2 of SHA-1, 1,000 rounds), or 1 and, as 4 bytes each, a number of the hash
 * function, of rounds and of bytes of salt (PasswordHasher.cs of ASP.NET Core).
 */
function isAspNet(base64 = ""): boolean {
  const bytes = Buffer.from(base64, "base64");
  if (bytes[0] === 0) return bytes.length === 49;
  if (bytes[0] !== 1 || bytes.length < 45) return false;
  const saltBytes = bytes.readUInt32BE(9);
  return bytes.readUInt32BE(1) <= 2 && pbkdf2(bytes.readUInt32BE(5)) && within(saltBytes, 16, bytes.length - 29);
}

const argon2Body = String.raw`\$argon2(?:id|i|d)\$(?:v=(?:16|19)\$)?m=(?<kib>\d+),t=(?<passes>\d+),p=(?<lanes>\d+)\$${salt}\$${digest}`;
const bcryptBody = String.raw`\$2[abxy]\$(?<cost>\d\d)\$${bcryptPair}`;

const forms: readonly Form[] = [
  // PHC; with "argon2" in front, Django.
  { form: RegExp(`^(?:argon2)?${argon2Body}$`), affordable: argon2 },

  // crypt; with a word in front, Django, whose bcrypt_sha256 hashes the password with SHA-256 first.
  { form: RegExp(`^(?:bcrypt(?:_sha256)?\\$)?${bcryptBody}$`), affordable: bcrypt },
  // passlib's, which does so, too: with HMAC, and before version 2 without.
  {
    form: /^\$bcrypt-sha256\$v=2,t=2[aby],r=(?<cost>\d\d?)\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}$/,
    affordable: bcrypt,
  },
  { form: /^\$bcrypt-sha256\$2[aby],(?<cost>\d\d?)\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}$/, affordable: bcrypt },

  // PHC, and passlib.
  {
    form: RegExp(`^\\$scrypt\\$ln=(?<ln>\\d+),r=(?<r>\\d+),p=(?<p>\\d+)\\$${salt}\\$${digest}$`),
    affordable: logScrypt,
  },
  // crypt: one digit of log2(n), five of r, five of p.
  {
    form: /^\$7\$(?<ln>[./\w])(?<r>[./\w]{5})(?<p>[./\w]{5})[./\w]{4,86}\$[./\w]{43}$/,
    affordable: ({ ln, r, p }) => scrypt(2 ** cryptNumber(ln), cryptNumber(r), cryptNumber(p)),
  },
  // Java's: log2(n), r and p as the bytes of one hexadecimal number.
  {
    form: RegExp(`^\\$s0\\$(?<ln>[0-9a-f]{1,4})(?<r>[0-9a-f]{2})(?<p>[0-9a-f]{2})\\$${salt}\\$${digest}$`),
    affordable: ({ ln, r, p }) => scrypt(2 ** whole(ln, 16), whole(r, 16), whole(p, 16)),
  },
  // Werkzeug, and Django.
  { form: RegExp(`^scrypt:(?<n>\\d+):(?<r>\\d+):(?<p>\\d+)\\$${anySalt}\\$[0-9a-f]{32,}$`), affordable: plainScrypt },
  {
    form: RegExp(`^scrypt\\$(?<n>\\d+)\\$${anySalt}\\$(?<r>\\d+)\\$(?<p>\\d+)\\$${digest}$`),
    affordable: plainScrypt,
  },

  // Firebase's, with what the project adds to each: as Ory writes it, and as Supabase does.
  {
    form: RegExp(
      `^\\$firescrypt\\$ln=(?<ln>\\d+),r=(?<r>\\d+),p=(?<p>\\d+)\\$${salt}\\$${digest}\\$${any64}\\$${digest}$`,
    ),
    affordable: logScrypt,
  },
  {
    form: RegExp(
      `^\\$fbscrypt\\$v=1,n=(?<ln>\\d+),r=(?<r>\\d+),p=(?<p>\\d+),ss=${any64},sk=${digest}\\$${salt}\\$${digest}$`,
    ),
    affordable: logScrypt,
  },

  // WordPress since 6.8: bcrypt of an HMAC of the password.
  { form: RegExp(`^\\$wp\\$2y\\$(?<cost>\\d\\d)\\$${bcryptPair}$`), affordable: bcrypt },
  // phpass: one digit of log2 of the rounds of MD5, 8 of salt, 22 of hash.
  {
    form: /^\$[PH]\$(?<log>[./\w])[./\w]{8}[./\w]{22}$/,
    affordable: ({ log }) => within(cryptNumber(log), 7, 24),
  },
  // ASP.NET Identity's bytes, 2 and 3.
  { form: /^\$aspnet-identity\$(?<bytes>[A-Za-z0-9+/]+={0,2})$/, affordable: ({ bytes }) => isAspNet(bytes) },

  // PHC, and passlib.
  {
    form: RegExp(
      `^\\$pbkdf2(?:-sha(?:1|224|256|384|512))?\\$(?:i=)?(?<rounds>\\d+)(?:,l=\\d+)?\\$${salt}\\$${digest}$`,
    ),
    affordable: plainRounds,
  },
  // PBKDF2 of SHA-1 in a form of its own, its rounds hexadecimal.
  {
    form: RegExp(`^\\$p5k2\\$(?<rounds>[0-9a-f]+)\\$${salt}\\$${digest}$`),
    affordable: ({ rounds }) => pbkdf2(whole(rounds, 16)),
  },
  // Django, and Werkzeug.
  { form: RegExp(`^pbkdf2_sha(?:1|256|512)\\$(?<rounds>\\d+)\\$${anySalt}\\$${digest}$`), affordable: plainRounds },
  {
    form: RegExp(`^pbkdf2:sha(?:1|224|256|384|512):(?<rounds>\\d+)\\$${anySalt}\\$[0-9a-f]{32,}$`),
    affordable: plainRounds,
  },
];

/** What an account without a password has in its place: no password hashes to it (shadow(5) and Django write it, too). */
export const noPassword = "!";

/** Whether a text is a hash in one of these forms, and at a cost that can be checked. */
export function isPasswordHash(text: string): boolean {
  return forms.some(({ form, affordable }) => {
    const match = form.exec(text);
    return match !== null && affordable(match.groups ?? {});
  });
}
