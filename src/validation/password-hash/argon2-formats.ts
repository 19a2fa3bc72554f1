import { parseInteger } from "./cost.ts";
import { base64Digest, hashFormat } from "./hash-format.ts";

export interface Argon2Cost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

const costOf = ({ kib, passes, lanes }: Readonly<Record<"kib" | "passes" | "lanes", string>>): Argon2Cost => ({
  memoryKiB: parseInteger(kib),
  passes: parseInteger(passes),
  lanes: parseInteger(lanes),
});

/** RFC 9106, section 3.1, and the reference implementation require 8 bytes of salt, which are 11 characters. */
const salt = "(?<salt>[A-Za-z0-9+/._-]{11,}={0,2})";
const phc =
  `\\$argon2(?<type>id|i|d)\\$(?<version>(?:v=(?:16|19)\\$)?)m=(?<kib>\\d+),t=(?<passes>\\d+),p=(?<lanes>\\d+)\\$${salt}\\$${base64Digest}` as const;

export const argon2Formats = {
  argon2: hashFormat(phc, costOf),
  djangoArgon2: hashFormat(`argon2${phc}`, costOf),
};
