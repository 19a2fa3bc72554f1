import { createInsertSchema } from "drizzle-zod";
import { z } from "zod";
import { users } from "../schema/index.ts";

/** Bytes of JSON that an account may carry along. */
const metadataLimit = 16 * 1024;

/** Any JSON. What it is made of is the caller's affair, so the type says no more than that. */
const json: z.ZodType<unknown> = z.json();

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
  metadata: () =>
    z
      .record(z.string(), json)
      .refine(
        (value) => Buffer.byteLength(JSON.stringify(value)) <= metadataLimit,
        `must be at most ${metadataLimit} bytes of JSON`,
      ),
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

export const userPage = z.strictObject({
  /** Users a page. */
  limit: z.int().min(1).max(100).default(20),
  cursor: z.string().max(200).nullish(),
});
