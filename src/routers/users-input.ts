import { createInsertSchema } from "drizzle-zod";
import { z } from "zod";
import { users } from "../schema/index.ts";

/** Bytes of JSON that an account may carry along. */
const metadataLimit = 16 * 1024;

/** Metadata of a user, as one rule with one message: whatever is wrong inside is the caller's to find. */
const metadata = z
  .custom<Record<string, unknown>>(isJsonObject, "must be an object of JSON values: no undefined, no Date")
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) <= metadataLimit,
    `must be at most ${metadataLimit} bytes of JSON`,
  );

const columns = createInsertSchema(users, {
  email: () => z.email("must be an email address").max(255, "must be at most 255 characters"),
  username: () => z.string().regex(/^[A-Za-z0-9_-]{3,50}$/, "must be 3 to 50 letters, digits, hyphens or underscores"),
  passwordHash: () =>
    z
      .string()
      .max(255, "must be at most 255 characters")
      .regex(
        /^\$[a-z0-9-]+\$[\x21-\x7e]+$/,
        "must be a password hash in PHC form, such as $argon2id$…; never a password",
      ),
  metadata,
});

export const userId = z.strictObject({ id: z.guid("must be a UUID") });
export const userEmail = z.strictObject({ email: z.string().max(255, "must be at most 255 characters") });
export const userName = z.strictObject({ username: z.string().max(50, "must be at most 50 characters") });

export const newUser = z.strictObject({
  email: columns.shape.email,
  username: columns.shape.username,
  passwordHash: columns.shape.passwordHash,
  metadata: columns.shape.metadata.optional(),
});

export const userChange = z
  .strictObject({
    id: userId.shape.id,
    email: columns.shape.email.optional(),
    username: columns.shape.username.optional(),
    metadata: columns.shape.metadata.optional(),
  })
  .refine(
    ({ id: _, ...change }) => Object.values(change).some((value) => value !== undefined),
    "must change at least one of email, username, metadata",
  );

export const userPage = z
  .strictObject({
    /** Users a page. */
    limit: z.int().min(1).max(100).default(20),
    cursor: z.string().max(200).nullish(),
  })
  .prefault({});

/** Inputs nest to a bounded depth (wire.ts), so this may recurse. */
function isJsonObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && isJson(value);
}

function isJson(value: unknown): boolean {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return true;
  if (typeof value !== "object" || value instanceof Date) return false;
  return Object.values(value).every(isJson);
}
