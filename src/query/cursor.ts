import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { InvalidInputError } from "../errors.ts";

/** Where a page begins or ends: what its last row is ordered by, as exact text, and whether to go on behind it or before it. */
export interface CursorPosition {
  readonly values: readonly (string | null)[];
  readonly side: "after" | "before";
}

const payload = z.tuple([z.string(), z.string(), z.enum(["after", "before"]), z.array(z.string().nullable())]);

/** Bytes of the signature: what nobody guesses (NIST SP 800-107, 5.3.3). */
const signatureLength = 16;

/**
 * Cursors: opaque texts, signed, so that nobody can make one up and have the database look from anywhere.
 *
 * @param secret the service's own; all instances need the same
 */
export function createCursors(secret: string) {
  const key = createHmac("sha256", secret).update("aeturnis-data cursors").digest();
  const sign = (bytes: Uint8Array) => createHmac("sha256", key).update(bytes).digest().subarray(0, signatureLength);

  return {
    /** @param listing the table; @param question what was asked of it: filter and order */
    encode(listing: string, question: unknown, { values, side }: CursorPosition): string {
      const text = Buffer.from(JSON.stringify([listing, fingerprint(question), side, values]));
      return Buffer.concat([sign(text), text]).toString("base64url");
    },

    /** @throws {InvalidInputError} when the cursor is not ours, or is of another question */
    decode(listing: string, question: unknown, cursor: string): CursorPosition {
      const bytes = Buffer.from(cursor, "base64url");
      const text = bytes.subarray(signatureLength);
      const signature = bytes.subarray(0, signatureLength);
      // Of the letters that Buffer reads as the same bytes, those that we wrote.
      const isWritten = bytes.length > signatureLength && bytes.toString("base64url") === cursor;
      if (!isWritten || !timingSafeEqual(signature, sign(text))) {
        throw refusal(
          "is not one of this service: pass nextCursor or previousCursor as it came, or none for the first page",
        );
      }
      // One that an older version signed may hold something else.
      const read = payload.safeParse(JSON.parse(text.toString()));
      if (!read.success) throw refusal("is of another version of this service: begin with the first page");
      const [table, asked, side, values] = read.data;
      if (table !== listing) throw refusal("belongs to another listing");
      if (asked !== fingerprint(question)) {
        throw refusal("belongs to another filter or order: pass where and sort as they were, or no cursor");
      }
      return { values, side };
    },
  };
}

export type Cursors = ReturnType<typeof createCursors>;

const refusal = (text: string) => new InvalidInputError(`cursor: ${text}`, { field: "cursor" });

function fingerprint(question: unknown): string {
  return createHmac("sha256", "question").update(canonical(question)).digest("base64url").slice(0, 12);
}

/** JSON in which the order of keys, and fields that are undefined, make no difference. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    ) ?? ""
  );
}
