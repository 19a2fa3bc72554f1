import { z } from "zod";
import { userStatuses } from "../schema/index.ts";
import { emailRule } from "./email.ts";
import { jsonObject } from "./json-object.ts";
import { missingOr } from "./missing.ts";
import { passwordHash } from "./password-hash/password-hash.ts";

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
export const name = z.string({ error: missingOr("must be a text") }).regex(/^[A-Za-z0-9_-]{3,50}$/, {
  error: "must be 3 to 50 letters, digits, hyphens or underscores (A-Z a-z 0-9 - _)",
  // Of a name as long as a request nothing more is asked: looking for its digits could take minutes.
  abort: true,
});

/** @param name one of the alphabet of names */
export const isReserved = (name: string) => reserved.has(plain(name));

const username = name.refine((name) => !isReserved(name), "is reserved: choose another one");

const email = emailRule({ existing: false });

const metadata = jsonObject(metadataLimit);

/** A new account. */
export const newUser = z.strictObject({ email, username, passwordHash, metadata: metadata.optional() });

export const accountStatus = z.enum(userStatuses, "must be active, suspended or banned");
export const yes = z.boolean("must be true or false");

/** What of an account may be changed by whom it belongs to. */
export const userChange = z.strictObject({
  email: email.optional(),
  username: username.optional(),
  metadata: metadata.optional(),
});

/** What may be changed of many accounts at once: their roles may not. */
export const userBulkChange = z.strictObject({
  ...userChange.shape,
  status: accountStatus.optional(),
  emailVerified: yes.optional(),
});
