import { z } from "zod";
import { userStatuses } from "../schema/index.ts";
import { emailRule } from "./email.ts";
import { jsonObject } from "./json-object.ts";
import { missingOr } from "./missing.ts";
import { passwordHash } from "./password-hash/password-hash.ts";

/** Largest size of metadata that a client may write (bytes of JSON). */
const maxMetadataBytes = 16 * 1024;

/** Names that could pass for the game's staff, or that programs interpret, such as null. */
const reservedNames = new Set(
  (
    "admin administrator aeturnis anonymous bot contact deleted dev developer everyone game gamemaster gm guest help " +
    "here mod moderator news nobody null official owner postmaster root security staff superuser support system team " +
    "undefined unknown user webmaster"
  ).split(" "),
);

/** A name without the characters that would evade the list: `_Admin-` and `admin1` become `admin`. */
const comparable = (name: string) => name.toLowerCase().replace(/[_-]/g, "").replace(/\d+$/, "");

/**
 * A username: ASCII letters, digits, hyphens and underscores only. Names that look alike need no further check (PRECIS,
 * RFC 8265; UTS 39), because the alphabet has no confusable letters of other scripts. The constraint
 * `users_username_check` enforces the same alphabet in the database.
 */
export const anyUsername = z.string({ error: missingOr("must be a text") }).regex(/^[A-Za-z0-9_-]{3,50}$/, {
  error: "must be 3 to 50 letters, digits, hyphens or underscores (A-Z a-z 0-9 - _)",
  // The check for reserved names runs a regular expression, which must not see a name as long as a request.
  abort: true,
});

/** Whether a name is reserved for moderators and administrators. @param name a name of the alphabet of usernames */
export const isReserved = (name: string) => reservedNames.has(comparable(name));

const username = anyUsername.refine((name) => !isReserved(name), "is reserved: choose another one");

const email = emailRule({ existing: false });

const metadata = jsonObject(maxMetadataBytes);

const accountFields = { email, username, metadata: metadata.optional() };

/** Fields of a new account, as they are stored. */
export const newUser = z.strictObject({ ...accountFields, passwordHash });

/** A password. Its rules depend on settings and files, so `Passwords.check` has them. */
const password = z.string({ error: missingOr("must be a text") });

/**
 * A new account: either with a password or with the hash of one. The type is written out because the client's declarations
 * contain it, without zod.
 */
export type NewAccount = WithPassword | WithPasswordHash;

interface AccountFields {
  email: string;
  username: string;
  metadata?: Record<string, unknown> | undefined;
}

interface WithPassword extends AccountFields {
  password: string;
  passwordHash?: undefined;
}

interface WithPasswordHash extends AccountFields {
  passwordHash: string;
  password?: undefined;
}

/** Fields of a new account, as a caller gives them: either `password` or `passwordHash`. */
export const newAccount = z
  .strictObject({ ...accountFields, password: password.optional(), passwordHash: passwordHash.optional() })
  .superRefine(({ password, passwordHash }, context) => {
    if ((password === undefined) !== (passwordHash === undefined)) return;
    const message =
      password === undefined
        ? "is missing: give either password or passwordHash"
        : "must not be given together with passwordHash: give one of them";
    context.addIssue({ code: "custom", path: ["password"], message });
  }) as z.ZodType<AccountFields> as z.ZodType<NewAccount, NewAccount>;

export const accountStatus = z.enum(userStatuses, "must be active, suspended or banned");
export const booleanFlag = z.boolean("must be true or false");

/** Fields of an account that its owner may change. */
export const userChange = z.strictObject({
  email: email.optional(),
  username: username.optional(),
  metadata: metadata.optional(),
});

/** Fields that a bulk update may change. Roles are not among them. */
export const userBulkChange = z.strictObject({
  ...userChange.shape,
  status: accountStatus.optional(),
  emailVerified: booleanFlag.optional(),
});
