import { z } from "zod";
import { userRoles, userStatuses } from "../schema/index.ts";
import { jsonObject } from "./json-object.ts";
import { isPasswordHash } from "./password-hash.ts";
import { uuid } from "./scalars.ts";

/** Bytes of JSON that an account may carry along. */
const metadataLimit = 16 * 1024;

/** Names that speak for the game, or that programs take for something else. */
const reserved = new Set(
  (
    "admin administrator aeturnis anonymous bot contact deleted dev developer everyone game gamemaster gm guest help " +
    "here mod moderator news nobody null official owner postmaster root security staff superuser support system team " +
    "undefined unknown user webmaster"
  ).split(" "),
);

/** The name without what people write to get round a list: `_Admin-` is still admin. */
const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, "").replace(/\d+$/, "");

/**
 * Letters, digits, hyphens and underscores of ASCII, and nothing else: what PRECIS (RFC 8265) and UTS 39 need tables
 * for, that two names do not look alike, holds here by the alphabet. What of it the database checks, too, is in
 * `users_username_check`.
 */
const name = z.string("must be a text").regex(/^[A-Za-z0-9_-]{3,50}$/, {
  error: "must be 3 to 50 letters, digits, hyphens or underscores (A-Z a-z 0-9 - _)",
  // Of a name as long as a request nothing more is asked: looking for its digits could take minutes.
  abort: true,
});

const isReserved = (name: string) => reserved.has(plain(name));

const username = name.refine((name) => !isReserved(name), "is reserved: choose another one");

/** Without spaces around it and in lower case: that is how it is kept. */
const email = z
  .string("must be a text")
  .trim()
  .toLowerCase()
  .max(255, "must be at most 255 characters")
  .pipe(z.email("must be an email address, such as mira@example.com"));

const passwordHash = z
  .string("must be a text")
  .max(255, { error: "must be at most 255 characters", abort: true })
  .refine(
    isPasswordHash,
    "must be a hash of argon2, bcrypt, scrypt or PBKDF2, such as $argon2id$v=19$…; never a password",
  );

const metadata = jsonObject(metadataLimit);

/** A new account. */
export const newUser = z.strictObject({ email, username, passwordHash, metadata: metadata.optional() });

/** A moment that is over, as ISO 8601 or PostgreSQL writes it: a text, because a Date would lose microseconds. */
const past = z
  .string("must be a text")
  .regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:?\d\d)?)$/, {
    error: "must be a time with its zone, such as 2024-05-31T08:30:00Z",
    abort: true,
  })
  .refine(isPast, "must be a time that is over");

function isPast(text: string): boolean {
  const [day, time] = text.split(/[T ]/);
  const iso = `${day}T${time?.replace(/([+-]\d\d):?(\d\d)?$/, (_, hours, minutes = "00") => `${hours}:${minutes}`)}`;
  return Date.parse(iso) <= Date.now();
}

const status = z.enum(userStatuses, "must be active, suspended or banned");
const yes = z.boolean("must be true or false");

/**
 * An account that was somewhere else before: it brings along what the service decides of a new one. Only who speaks
 * for the game may have a name that does.
 */
export const importedUser = z
  .strictObject({
    ...newUser.shape,
    username: name,
    id: uuid.optional(),
    status: status.optional(),
    role: z.enum(userRoles, "must be user, moderator or admin").optional(),
    emailVerified: yes.optional(),
    createdAt: past.optional(),
    lastLogin: past.optional(),
    deletedAt: past.optional(),
  })
  .refine(({ username, role = "user" }) => role !== "user" || !isReserved(username), {
    path: ["username"],
    error: "is reserved for moderators and administrators",
  });

/** What of an account may be changed by whom it belongs to. */
export const userChange = z.strictObject({
  email: email.optional(),
  username: username.optional(),
  metadata: metadata.optional(),
});

/** What may be changed of many accounts at once: their roles may not. */
export const userBulkChange = z.strictObject({
  ...userChange.shape,
  status: status.optional(),
  emailVerified: yes.optional(),
});
