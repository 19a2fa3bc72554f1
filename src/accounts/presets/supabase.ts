import type { ExternalAccount, ExternalRow } from "./external-account.ts";
import { parseJson, toText } from "./external-values.ts";
import { createPreset } from "./preset-reader.ts";

/** Supabase: the table `auth.users` as JSON, or as CSV of the SQL editor or psql. */
export const supabase = createPreset({
  name: "supabase",
  id: ["id"],
  email: "email",
  username: ["username", "user_name"],
  emailVerified: "emailVerified",
  passwordHash: (account) => account.readText("encrypted_password"),
  createdAt: "created_at",
  lastLogin: "last_sign_in_at",
  deletedAt: "deleted_at",
  isSuspended,
  metadata: ["raw_user_meta_data", "raw_app_meta_data"],
  flatten,
  ignored: [
    "instance_id",
    "aud",
    "role",
    "updated_at",
    "confirmed_at",
    "confirmation_sent_at",
    "confirmation_token",
    "recovery_token",
  ],
});

function isSuspended(account: ExternalAccount): boolean {
  // PostgreSQL writes `2999-01-01 00:00:00+00`; Date.parse requires `T` and the minutes of the offset.
  const bannedUntil = account
    .readText("banned_until")
    ?.replace(" ", "T")
    .replace(/([+-]\d\d)$/, "$1:00");
  return Date.parse(bannedUntil ?? "") > Date.now();
}

function flatten({ email_confirmed_at, ...row }: ExternalRow): ExternalRow {
  const metadata = parseJson(row["raw_user_meta_data"]) as ExternalRow | null | undefined;
  return {
    ...row,
    emailVerified: toText(email_confirmed_at) !== undefined,
    ...(typeof metadata === "object" && { username: metadata?.["username"], user_name: metadata?.["user_name"] }),
  };
}
