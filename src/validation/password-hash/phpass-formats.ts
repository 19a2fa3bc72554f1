import { cryptInteger } from "./cost.ts";
import { cryptDigit, hashFormat } from "./hash-format.ts";

/** One digit of the binary logarithm of the iterations, 8 of salt, 22 of digest. */
const phpass = `(?<log2>${cryptDigit})(?<salt>${cryptDigit}{8})(?<digest>${cryptDigit}{22})` as const;
const costOf = ({ log2 }: Readonly<Record<"log2", string>>): number => cryptInteger(log2);

export const phpassFormats = {
  phpass: hashFormat(`\\$P\\$${phpass}`, costOf),
  phpBb: hashFormat(`\\$H\\$${phpass}`, costOf),
};
