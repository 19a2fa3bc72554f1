import { z } from "zod";
import { JsonText } from "../../json/index.ts";
import { userRoles } from "../../schema/index.ts";
import {
  accountStatus,
  anyUsername,
  booleanFlag,
  emailRule,
  isReserved,
  jsonObject,
  passwordHash,
  uuid,
} from "../../validation/index.ts";
import { parseTimestamp } from "./timestamp.ts";

/** Largest size of metadata (bytes of JSON). The check constraint of the table counts the exact size. */
const maxMetadataBytes = 64 * 1024;

const metadataObject = jsonObject(maxMetadataBytes);

/** Stays the text of the file, so that every number keeps all its digits. */
const metadata = z
  .unknown()
  .transform((given, context): unknown => {
    const parsed = metadataObject.safeParse(given instanceof JsonText ? given.value : given);
    if (parsed.success) return given;
    for (const { path, message } of parsed.error.issues) context.addIssue({ code: "custom", path, message });
    return z.NEVER;
  })
  .optional();

/** A time in the past or the future, as text: a Date would lose microseconds. */
const timestamp = z.string("must be a text").transform((text, context) => {
  const parsed = parseTimestamp(text);
  if ("timestamp" in parsed) return parsed.timestamp;
  context.addIssue({ code: "custom", message: parsed.message });
  return z.NEVER;
});

const shape = {
  email: emailRule({ existing: true }),
  username: anyUsername,
  passwordHash,
  metadata,
  id: uuid.optional(),
  status: accountStatus.optional(),
  role: z.enum(userRoles, "must be user, moderator or admin").optional(),
  emailVerified: booleanFlag.optional(),
  createdAt: timestamp.optional(),
  lastLogin: timestamp.optional(),
  deletedAt: timestamp.optional(),
};

/** Fields of a user that a file can have. */
export const importableFields: readonly string[] = Object.keys(shape);

/**
 * Schema of an imported user. It accepts fields that the service sets itself for a new user, such as `id` and `role`.
 *
 * @param options.reservedNames true: any user may have a reserved name; false: moderators and administrators only
 */
export const importedUserSchema = ({ reservedNames }: { reservedNames: boolean }) =>
  z
    .strictObject(shape)
    .refine(({ username, role = "user" }) => reservedNames || role !== "user" || !isReserved(username), {
      path: ["username"],
      error: "is reserved for moderators and administrators; --allow-reserved-names lets players keep such names",
    });
