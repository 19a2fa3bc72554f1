import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { verifyPassword } from "../../../src/identity/password/verify-password.ts";
import { hashFormatNames, noPassword, parsePasswordHash } from "../../../src/validation/index.ts";
import { flippedBits } from "./flipped-bits.ts";
import { cryptVectors } from "./vectors/crypt.ts";
import { djangoVectors } from "./vectors/django.ts";
import { passlibVectors } from "./vectors/passlib.ts";
import { phpProgramVectors } from "./vectors/php-programs.ts";
import { publishedVectors } from "./vectors/published.ts";
import { ascii, unicode } from "./vectors/vectors.ts";

const vectors = [
  ...passlibVectors,
  ...djangoVectors,
  ...cryptVectors,
  ...phpProgramVectors,
  ...publishedVectors,
].flatMap(({ hashes, ...others }) =>
  hashes.map((hash) => ({ ...others, hash, format: String(parsePasswordHash(hash)?.format) })),
);
const cheapVectors = vectors.filter(({ isCostly }) => isCostly !== true);
const [bcryptHash = ""] = cryptVectors[0]?.hashes ?? [];

describe("vectors of other systems", () => {
  it.each(vectors)("verifyPassword accepts the right password of $format by $madeBy: $hash", async (vector) => {
    expect(await verifyPassword(vector.hash, vector.password)).toBe(true);
  });

  it.each(cheapVectors)("verifyPassword refuses a wrong password of $format by $madeBy: $hash", async (vector) => {
    const { hash, password } = vector;
    // bcrypt ignores what follows its 72 bytes, hence the character in front.
    expect(await verifyPassword(hash, `x${password}`)).toBe(false);
    if (password !== "") expect(await verifyPassword(hash, "")).toBe(false);
  });

  it.each(cheapVectors)(
    "verifyPassword refuses one changed bit of the digest of $format by $madeBy: $hash",
    async (vector) => {
      const { hash, password } = vector;
      for (const changed of flippedBits(hash)) {
        expect(changed).not.toBe(hash);
        expect(await verifyPassword(changed, password), changed).toBe(false);
      }
    },
  );

  it("each format has a vector with an ASCII password and one with a password of other characters", () => {
    const formatsOf = (password: string) => [
      ...new Set(cheapVectors.filter((vector) => vector.password === password).map(({ format }) => format)),
    ];
    expect(formatsOf(ascii).sort()).toEqual([...hashFormatNames].sort());
    expect(formatsOf(unicode).sort()).toEqual([...hashFormatNames].sort());
  });
});

describe("passwords", () => {
  it("verifyPassword takes bytes, and a text as its UTF-8 bytes without normalization", async () => {
    const hash = String(vectors.find(({ password }) => password === unicode)?.hash);
    expect(await verifyPassword(hash, new Uint8Array(Buffer.from(unicode)))).toBe(true);
    expect(await verifyPassword(hash, unicode.normalize("NFD"))).toBe(false);
  });

  it("verifyPassword reads 72 bytes of a password for bcrypt, and no fewer", async () => {
    const truncated = cheapVectors.find(({ password }) => password.length === 80);
    const verify = (length: number) => verifyPassword(String(truncated?.hash), "0123456789".repeat(9).slice(0, length));
    expect(await Promise.all([71, 72, 73, 90].map(verify))).toEqual([false, true, true, true]);
  });

  it("verifyPassword reads a password beyond a zero byte", async () => {
    for (const { hash } of cheapVectors.filter(({ password }) => password === ascii))
      expect(await verifyPassword(hash, `${ascii}\0x`), hash).toBe(false);
  });
});

describe("hashes that verify no password", () => {
  it.each([
    ["no password", noPassword],
    ["an empty text", ""],
    ["a plain password", ascii],
    [
      "a format that is not accepted",
      "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv",
    ],
    ["a cost that is not accepted", bcryptHash.replace("$04$", "$31$")],
  ])("verifyPassword returns false for %s", async (_, hash) => {
    for (const password of [ascii, "", noPassword, hash]) expect(await verifyPassword(hash, password)).toBe(false);
  });
});

const lettersOf = (length: number) => "A".repeat(length);

it("verifyPassword computes every hash of scrypt and Argon2 whose parameters imports accept", async () => {
  const scrypt = fc
    .record({
      ln: fc.nat(12),
      r: fc.nat(4),
      p: fc.nat(4),
      salt: fc.integer({ min: 4, max: 12 }),
      digest: fc.integer({ min: 10, max: 90 }),
    })
    .map(({ ln, r, p, salt, digest }) => `$scrypt$ln=${ln},r=${r},p=${p}$${lettersOf(salt)}$${lettersOf(digest)}`);
  const argon2 = fc
    .record({
      head: fc.constantFrom("argon2id$v=19$", "argon2i$v=16$", "argon2d$"),
      kib: fc.nat(80),
      passes: fc.nat(2),
      lanes: fc.nat(8),
      salt: fc.integer({ min: 4, max: 40 }),
      digest: fc.integer({ min: 10, max: 150 }),
    })
    .map(
      ({ head, kib, passes, lanes, salt, digest }) =>
        `$${head}m=${kib},t=${passes},p=${lanes}$${lettersOf(salt)}$${lettersOf(digest)}`,
    );
  await fc.assert(
    fc.asyncProperty(fc.oneof(scrypt, argon2), async (hash) => {
      fc.pre(parsePasswordHash(hash) !== undefined);
      expect(await verifyPassword(hash, ascii)).toBe(false);
    }),
    { numRuns: 60 },
  );
});

it("verifyPassword computes scrypt with r = 1 up to n = 2^15, and imports refuse the n that RFC 7914 excludes", async () => {
  const hash = (ln: number) => `$scrypt$ln=${ln},r=1,p=1$${lettersOf(22)}$${lettersOf(43)}`;
  expect(await verifyPassword(hash(15), ascii)).toBe(false);
  expect(parsePasswordHash(hash(15))).toBeDefined();
  expect(parsePasswordHash(hash(16))).toBeUndefined();
});

it("the iterations of phpass take turns with other work", async () => {
  let turns = 0;
  let isVerified = false;
  const countTurns = () => {
    turns++;
    if (!isVerified) setImmediate(countTurns);
  };
  setImmediate(countTurns);
  // 2^13 iterations, as in WordPress.
  await verifyPassword("$P$BabcdefghIPtzdHhdxFmlRPdk2MctF0", ascii);
  isVerified = true;
  expect(turns).toBeGreaterThanOrEqual(8);
});
