import { createPreset } from "./preset.ts";
import { type SourceRow, sourceText } from "./values.ts";

/**
 * `aws cognito-idp list-users`, and CSV with the header of `get-csv-header`. Cognito gives out no password hashes: the
 * accounts come without passwords.
 */
export const cognito = createPreset({
  name: "cognito",
  id: ["sub"],
  email: "email",
  username: ["preferred_username", "Username", "cognito:username", "nickname"],
  emailVerified: "email_verified",
  createdAt: "UserCreateDate",
  suspended: (take) => {
    const [enabled, status] = [sourceText(take("Enabled")), sourceText(take("UserStatus")) ?? ""];
    return enabled?.toLowerCase() === "false" || ["ARCHIVED", "COMPROMISED"].includes(status);
  },
  unfold: ({ Attributes, ...row }) => ({ ...row, ...attributes(Attributes) }),
  ignored: ["UserLastModifiedDate", "updated_at"],
});

function attributes(given: unknown): SourceRow {
  if (!Array.isArray(given)) return {};
  return Object.fromEntries(given.flatMap((one) => (typeof one?.Name === "string" ? [[one.Name, one.Value]] : [])));
}
