import type { RowIssue } from "../fields/field-values.ts";
import type { ExternalRow } from "./external-account.ts";
import { createPreset } from "./preset-reader.ts";

/** Django: `manage.py dumpdata auth.user`, and the table `auth_user` as CSV. */
export const django = createPreset({
  name: "django",
  id: ["id"],
  email: "email",
  username: ["username"],
  passwordHash: (account) => account.readText("password"),
  createdAt: "date_joined",
  lastLogin: "last_login",
  isSuspended: (account) => /^(false|f|0)$/i.test(account.readText("is_active") ?? "true"),
  flatten,
});

function flatten({ model, pk, fields, ...row }: ExternalRow): ExternalRow | RowIssue {
  if (model === undefined) return row;
  if (typeof fields !== "object" || fields === null || !/user$/i.test(String(model)))
    return { field: null, message: `is not a user but an object of the model ${String(model).slice(0, 60)}` };
  return { id: pk, ...fields };
}
