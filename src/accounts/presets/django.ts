import type { FieldFault } from "../formats/fields.ts";
import { createPreset } from "./preset.ts";
import { type SourceRow, sourceText } from "./values.ts";

/** `manage.py dumpdata auth.user`, and the table `auth_user` as CSV. */
export const django = createPreset({
  name: "django",
  id: ["id"],
  email: "email",
  username: ["username"],
  password: (take) => sourceText(take("password")),
  createdAt: "date_joined",
  lastLogin: "last_login",
  suspended: (take) => /^(false|f|0)$/i.test(sourceText(take("is_active")) ?? "true"),
  unfold,
});

function unfold({ model, pk, fields, ...row }: SourceRow): SourceRow | FieldFault {
  if (model === undefined) return row;
  if (typeof fields !== "object" || fields === null || !/user$/i.test(String(model)))
    return { field: null, message: `is no user, but of the model ${String(model).slice(0, 60)}` };
  return { id: pk, ...fields };
}
