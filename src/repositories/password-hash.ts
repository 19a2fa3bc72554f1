/**
 * Password hashes that accounts may bring along, as they are: in the PHC string format
 * (https://github.com/P-H-C/phc-string-format) or in the usual forms of crypt, passlib, Django and Werkzeug.
 * What a hash costs to check is bounded: one that takes minutes would take the service with it.
 */
const forms: readonly { readonly form: RegExp; readonly affordable: (costs: Record<string, string>) => boolean }[] = [
  {
    form: /^\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=(?<kib>\d+),t=(?<passes>\d+),p=(?<lanes>\d+)\$[\w+/.=-]{8,}\$[\w+/.=-]{16,}$/,
    affordable: ({ kib, passes, lanes }) => upTo(kib, 1_048_576) && upTo(passes, 100) && upTo(lanes, 64),
  },
  // bcrypt: the salt is 22 characters of its own alphabet, the hash 31.
  {
    form: /^\$2[abxy]\$(?<cost>\d\d)\$[./A-Za-z0-9]{53}$/,
    affordable: ({ cost }) => Number(cost) >= 4 && upTo(cost, 18),
  },
  {
    form: /^\$scrypt\$ln=(?<ln>\d+),r=(?<r>\d+),p=(?<p>\d+)\$[\w+/.=-]{8,}\$[\w+/.=-]{16,}$/,
    affordable: ({ ln, r, p }) => upTo(ln, 20) && upTo(r, 32) && upTo(p, 16),
  },
  {
    form: /^scrypt:(?<n>\d+):(?<r>\d+):(?<p>\d+)\$[^$\s]{4,}\$[0-9a-f]{32,}$/,
    affordable: ({ n, r, p }) => upTo(n, 2 ** 20) && upTo(r, 32) && upTo(p, 16),
  },
  {
    form: /^\$pbkdf2(?:-sha(?:1|224|256|384|512))?\$(?:i=)?(?<rounds>\d+)(?:,l=\d+)?\$[\w+/.=-]{8,}\$[\w+/.=-]{16,}$/,
    affordable: ({ rounds }) => upTo(rounds, 10_000_000),
  },
  {
    form: /^pbkdf2_sha(?:1|256|512)\$(?<rounds>\d+)\$[^$\s]{4,}\$[\w+/=]{16,}$/,
    affordable: ({ rounds }) => upTo(rounds, 10_000_000),
  },
  {
    form: /^pbkdf2:sha(?:1|224|256|384|512):(?<rounds>\d+)\$[^$\s]{4,}\$[0-9a-f]{32,}$/,
    affordable: ({ rounds }) => upTo(rounds, 10_000_000),
  },
];

const upTo = (text: string | undefined, most: number): boolean => Number(text) >= 1 && Number(text) <= most;

/** Whether a text is a hash of argon2, bcrypt, scrypt or PBKDF2, in a form and at a cost that can be checked. */
export function isPasswordHash(text: string): boolean {
  return forms.some(({ form, affordable }) => {
    const match = form.exec(text);
    return match !== null && affordable(match.groups ?? {});
  });
}
