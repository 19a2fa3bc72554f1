import type { RowIssue } from "../fields/field-values.ts";
import type { ExternalAccount, ExternalRow } from "./external-account.ts";
import { toText } from "./external-values.ts";
import { createPreset } from "./preset-reader.ts";

/** Keys of a JSON export by the column names that Auth0's User Import/Export extension writes, such as `Email Verified`. */
const keysByExtensionColumn = new Map(
  ["email", "email_verified", "username", "nickname", "name", "created_at", "updated_at", "last_login", "blocked"].map(
    (key) => [key.replace(/(?:^|_)[a-z]/g, (start) => start.toUpperCase()).replaceAll("_", " "), key],
  ),
);

/**
 * Auth0: users-exports jobs (JSON lines or CSV), the array of the bulk import, the CSV of the User Import/Export
 * extension, and the export with password hashes that Auth0's support provides (JSON lines of MongoDB).
 */
export const auth0 = createPreset({
  name: "auth0",
  id: ["user_id", "Id", "_id"],
  email: "email",
  username: ["username", "nickname", "name"],
  emailVerified: "email_verified",
  passwordHash,
  createdAt: "created_at",
  lastLogin: "last_login",
  isSuspended: (account) => /^(true|1)$/i.test(account.readText("blocked") ?? ""),
  metadata: ["user_metadata", "app_metadata"],
  flatten: (row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [keysByExtensionColumn.get(name) ?? name, value])),
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

function passwordHash(account: ExternalAccount): string | RowIssue | undefined {
  const exported = account.readText("passwordHash") ?? account.readText("password_hash");
  const custom = account.read("custom_password_hash") as ExternalRow | undefined;
  const encoding = toText((custom?.["password"] as ExternalRow | undefined)?.["encoding"]) ?? "utf8";
  if (!/^(utf8|ascii)$/.test(encoding))
    return {
      field: "passwordHash",
      message: `is of passwords in the encoding ${encoding.slice(0, 40)}, which sign-in does not verify`,
    };
  const hash = custom?.["hash"];
  return exported ?? toText(typeof hash === "object" && hash !== null ? (hash as ExternalRow)["value"] : hash);
}
