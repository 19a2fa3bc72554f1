import { createPreset } from "./preset-reader.ts";

/** WordPress: the table `wp_users` as CSV or JSON. */
export const wordpress = createPreset({
  name: "wordpress",
  id: ["ID"],
  email: "user_email",
  username: ["user_login", "user_nicename"],
  passwordHash: (account) => account.readText("user_pass"),
  createdAt: "user_registered",
  isSuspended: (account) =>
    ["user_status", "spam", "deleted"].map((flag) => Number(account.readText(flag) ?? 0)).some((flag) => flag > 0),
  ignored: ["user_activation_key"],
});
