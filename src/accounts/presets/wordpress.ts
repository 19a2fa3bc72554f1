import { createPreset } from "./preset.ts";
import { sourceText } from "./values.ts";

/** The table `wp_users` as CSV or JSON. */
export const wordpress = createPreset({
  name: "wordpress",
  id: ["ID"],
  email: "user_email",
  username: ["user_login", "user_nicename"],
  password: (take) => sourceText(take("user_pass")),
  createdAt: "user_registered",
  suspended: (take) =>
    [take("user_status"), take("spam"), take("deleted")].some((flag) => Number(sourceText(flag) ?? 0) > 0),
  ignored: ["user_activation_key"],
});
