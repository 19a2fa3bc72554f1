import { createPreset } from "./preset.ts";
import { jsonOf, type SourceRow, sourceText } from "./values.ts";

/** The table `auth.users`, as CSV of the SQL editor or of psql, or as JSON. */
export const supabase = createPreset({
  name: "supabase",
  id: ["id"],
  email: "email",
  username: ["username", "user_name"],
  emailVerified: "emailVerified",
  password: (take) => sourceText(take("encrypted_password")),
  createdAt: "created_at",
  lastLogin: "last_sign_in_at",
  deletedAt: "deleted_at",
  suspended: (take) =>
    Date.parse(
      sourceText(take("banned_until"))
        ?.replace(" ", "T")
        .replace(/([+-]\d\d)$/, "$1:00") ?? "",
    ) > Date.now(),
  metadata: ["raw_user_meta_data", "raw_app_meta_data"],
  unfold: ({ email_confirmed_at, ...row }) => {
    const own = jsonOf(row["raw_user_meta_data"]) as SourceRow | null | undefined;
    return {
      ...row,
      emailVerified: sourceText(email_confirmed_at) !== undefined,
      ...(typeof own === "object" && { username: own?.["username"], user_name: own?.["user_name"] }),
    };
  },
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
