import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { InvalidInputError } from "../errors.ts";

/** A place in a listing: the sort keys of a row as exact text, and the side of that row on which the page is. */
export interface CursorPosition {
  readonly values: readonly (string | null)[];
  readonly side: "after" | "before";
}

const payload = z.tuple([z.string(), z.string(), z.enum(["after", "before"]), z.array(z.string().nullable())]);

/** Length of the signature (bytes): 128 bits cannot be guessed (NIST SP 800-107, 5.3.3). */
const signatureLength = 16;

/**
 * Writes and reads cursors. A cursor is an opaque text with a signature, so that a client cannot make one up.
 *
 * @param keys the first one signs, every one verifies; all instances of the service share them
 */
export function createCursors(keys: readonly Uint8Array[]) {
  const [signingKey] = keys;
  if (signingKey === undefined) throw new TypeError("there is no key to sign cursors with");
  const sign = (bytes: Uint8Array, key = signingKey) =>
    createHmac("sha256", key).update(bytes).digest().subarray(0, signatureLength);

  return {
    /** @param question the filter and order that the cursor is valid for */
    encode(listing: string, question: unknown, { values, side }: CursorPosition): string {
      const text = Buffer.from(JSON.stringify([listing, fingerprint(question), side, values]));
      return Buffer.concat([sign(text), text]).toString("base64url");
    },

    /** @throws {InvalidInputError} if the cursor is not one of this service, or belongs to another question */
    decode(listing: string, question: unknown, cursor: string): CursorPosition {
      const bytes = Buffer.from(cursor, "base64url");
      const text = bytes.subarray(signatureLength);
      const signature = bytes.subarray(0, signatureLength);
      // Buffer accepts several texts for the same bytes. Only the one that `encode` writes is valid.
      const isCanonical = bytes.length > signatureLength && bytes.toString("base64url") === cursor;
      if (!isCanonical || !keys.some((key) => timingSafeEqual(signature, sign(text, key)))) {
        throw invalidCursor(
          "is not one of this service: pass nextCursor or previousCursor unchanged, or no cursor for the first page",
        );
      }
      // An older version may have signed another payload.
      const read = payload.safeParse(JSON.parse(text.toString()));
      if (!read.success) throw invalidCursor("is of another version of this service: start at the first page");
      const [table, asked, side, values] = read.data;
      if (table !== listing) throw invalidCursor("belongs to another listing");
      if (asked !== fingerprint(question)) {
        throw invalidCursor("belongs to another filter or order: pass the same where and sort, or no cursor");
      }
      return { values, side };
    },
  };
}

export type Cursors = ReturnType<typeof createCursors>;

const invalidCursor = (text: string) => new InvalidInputError(`cursor: ${text}`, { field: "cursor" });

function fingerprint(question: unknown): string {
  return createHmac("sha256", "question").update(canonical(question)).digest("base64url").slice(0, 12);
}

/** JSON with sorted keys and without undefined fields, so that equal questions have equal texts. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    ) ?? ""
  );
}
