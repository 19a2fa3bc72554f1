import { createPreset, type Take } from "./preset.ts";
import { type SourceRow, sourceText } from "./values.ts";

const csvNames = new Map(
  ["email", "email_verified", "username", "nickname", "name", "created_at", "updated_at", "last_login", "blocked"].map(
    (name) => [name.replace(/(?:^|_)[a-z]/g, (start) => start.toUpperCase()).replaceAll("_", " "), name],
  ),
);

/**
 * A job of users-exports (JSON lines, or CSV), the bulk import's array, and the export of password hashes that Auth0's
 * support gives out (JSON lines of MongoDB).
 */
export const auth0 = createPreset({
  name: "auth0",
  id: ["user_id", "Id", "_id"],
  email: "email",
  username: ["username", "nickname", "name"],
  emailVerified: "email_verified",
  password,
  createdAt: "created_at",
  lastLogin: "last_login",
  suspended: (take) => /^(true|1)$/i.test(sourceText(take("blocked")) ?? ""),
  metadata: ["user_metadata", "app_metadata"],
  // An extension of Auth0's writes the names into CSV in its own way.
  unfold: (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [csvNames.get(name) ?? name, value])),
  ignored: [
    "updated_at",
    "tenant",
    "connection",
    "_tmp_is_unique",
    "password_set_date",
    "logins_count",
    "version",
    "identifiers",
  ],
});

function password(take: Take): string | undefined {
  const own = sourceText(take("passwordHash")) ?? sourceText(take("password_hash"));
  const custom = take("custom_password_hash") as SourceRow | undefined;
  const hash = custom?.["hash"];
  return own ?? sourceText(typeof hash === "object" && hash !== null ? (hash as SourceRow)["value"] : hash);
}
