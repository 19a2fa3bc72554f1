import type { ExternalAccount, ExternalRow } from "./external-account.ts";
import { createPreset } from "./preset-reader.ts";

/**
 * Amazon Cognito: `aws cognito-idp list-users`, and CSV with the header of `get-csv-header`. Cognito does not export
 * password hashes, so the accounts have no password.
 */
export const cognito = createPreset({
  name: "cognito",
  id: ["sub"],
  email: "email",
  username: ["preferred_username", "Username", "cognito:username", "nickname"],
  emailVerified: "email_verified",
  createdAt: "UserCreateDate",
  isSuspended,
  flatten: ({ Attributes, ...row }) => ({ ...row, ...flatAttributes(Attributes) }),
  ignored: ["UserLastModifiedDate", "updated_at"],
});

function isSuspended(account: ExternalAccount): boolean {
  const [enabled, status] = [account.readText("Enabled"), account.readText("UserStatus") ?? ""];
  return enabled?.toLowerCase() === "false" || ["ARCHIVED", "COMPROMISED"].includes(status);
}

function flatAttributes(attributes: unknown): ExternalRow {
  if (!Array.isArray(attributes)) return {};
  return Object.fromEntries(
    attributes.flatMap((attribute) => (typeof attribute?.Name === "string" ? [[attribute.Name, attribute.Value]] : [])),
  );
}
