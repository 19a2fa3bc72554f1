import { cryptInteger, parseInteger } from "./cost.ts";
import {
  base64Digest,
  base64Key,
  base64Salt,
  base64Text,
  cryptDigit,
  hashFormat,
  hexDigest,
  textSalt,
} from "./hash-format.ts";

/** Parameters of scrypt as RFC 7914 names them. */
export interface ScryptCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

const withN = ({ n, r, p }: Readonly<Record<"n" | "r" | "p", string>>): ScryptCost => ({
  n: parseInteger(n),
  r: parseInteger(r),
  p: parseInteger(p),
});
const withLog2N = ({ ln, r, p }: Readonly<Record<"ln" | "r" | "p", string>>): ScryptCost => ({
  n: 2 ** parseInteger(ln),
  r: parseInteger(r),
  p: parseInteger(p),
});

const log2Cost = "ln=(?<ln>\\d+),r=(?<r>\\d+),p=(?<p>\\d+)";

export const scryptFormats = {
  /** PHC and passlib. */
  scrypt: hashFormat(`\\$scrypt\\$${log2Cost}\\$${base64Salt}\\$${base64Digest}`, withLog2N),
  /** crypt: one digit of log2(n), five of r, five of p, then the salt as it is. */
  cryptScrypt: hashFormat(
    `\\$7\\$(?<ln>${cryptDigit})(?<r>${cryptDigit}{5})(?<p>${cryptDigit}{5})(?<salt>${cryptDigit}{4,86})\\$(?<digest>${cryptDigit}{43})`,
    ({ ln, r, p }): ScryptCost => ({ n: 2 ** cryptInteger(ln), r: cryptInteger(r), p: cryptInteger(p) }),
  ),
  /** Java (lambdaworks) and Spring Security: one hexadecimal number with the bytes log2(n), r and p. */
  javaScrypt: hashFormat(
    `\\$s0\\$(?<ln>[0-9a-f]{1,4})(?<r>[0-9a-f]{2})(?<p>[0-9a-f]{2})\\$${base64Salt}\\$${base64Digest}`,
    ({ ln, r, p }): ScryptCost => ({
      n: 2 ** parseInteger(ln, 16),
      r: parseInteger(r, 16),
      p: parseInteger(p, 16),
    }),
  ),
  werkzeugScrypt: hashFormat(`scrypt:(?<n>\\d+):(?<r>\\d+):(?<p>\\d+)\\$${textSalt}\\$${hexDigest}`, withN),
  djangoScrypt: hashFormat(`scrypt\\$(?<n>\\d+)\\$${textSalt}\\$(?<r>\\d+)\\$(?<p>\\d+)\\$${base64Digest}`, withN),
  /** Firebase's modified scrypt with the parameters of its project, as Ory writes it. */
  oryFirebaseScrypt: hashFormat(
    `\\$firescrypt\\$${log2Cost}\\$${base64Salt}\\$${base64Digest}\\$(?<separator>${base64Text})\\$(?<signerKey>${base64Key})`,
    withLog2N,
  ),
  /** The same as Supabase writes it. */
  supabaseFirebaseScrypt: hashFormat(
    `\\$fbscrypt\\$v=1,n=(?<ln>\\d+),r=(?<r>\\d+),p=(?<p>\\d+),ss=(?<separator>${base64Text}),sk=(?<signerKey>${base64Key})\\$${base64Salt}\\$${base64Digest}`,
    withLog2N,
  ),
};
