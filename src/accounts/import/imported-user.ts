import { z } from "zod";
import { JsonText } from "../../json/index.ts";
import { userRoles } from "../../schema/index.ts";
import {
  accountStatus,
  emailRule,
  isReserved,
  jsonObject,
  name,
  passwordHash,
  uuid,
  yes,
} from "../../validation/index.ts";
import { readMoment } from "./timestamps.ts";

/** Bytes of JSON: no more than the table takes, whose check counts them exactly. */
const metadataLimit = 64 * 1024;

const anyMetadata = jsonObject(metadataLimit);

/** As the file has it: a text, so that a number keeps each of its digits. */
const metadata = z
  .unknown()
  .transform((given, context): unknown => {
    const parsed = anyMetadata.safeParse(given instanceof JsonText ? given.value : given);
    if (parsed.success) return given;
    for (const { path, message } of parsed.error.issues) context.addIssue({ code: "custom", path, message });
    return z.NEVER;
  })
  .optional();

/** A time that is over, or will be: an account may have been anywhere. A text, because a Date would lose microseconds. */
const moment = z.string("must be a text").transform((text, context) => {
  const read = readMoment(text);
  if ("moment" in read) return read.moment;
  context.addIssue({ code: "custom", message: read.fault });
  return z.NEVER;
});

const shape = {
  email: emailRule({ existing: true }),
  username: name,
  passwordHash,
  metadata,
  id: uuid.optional(),
  status: accountStatus.optional(),
  role: z.enum(userRoles, "must be user, moderator or admin").optional(),
  emailVerified: yes.optional(),
  createdAt: moment.optional(),
  lastLogin: moment.optional(),
  deletedAt: moment.optional(),
};

/** Fields of an account that a file can have. */
export const importedFields = Object.keys(shape);

/**
 * An account that was somewhere else before: it brings along what the service decides of a new one.
 *
 * @param options.reservedNames whether players may keep names that speak for the game; else moderators and
 *   administrators alone
 */
export const importedUser = ({ reservedNames }: { reservedNames: boolean }) =>
  z
    .strictObject(shape)
    .refine(({ username, role = "user" }) => reservedNames || role !== "user" || !isReserved(username), {
      path: ["username"],
      error: "is reserved for moderators and administrators; --allow-reserved-names lets players keep such names",
    });
