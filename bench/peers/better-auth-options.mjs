import { Pool } from "pg";
import { benchSecret } from "../service-process.mjs";

/** The options of Better Auth: its defaults, with one query for session and user, and without its rate limit. */
export const betterAuthOptions = (url) => ({
  database: new Pool({ connectionString: url, max: 10 }),
  secret: benchSecret,
  rateLimit: { enabled: false },
  advanced: { database: { joins: true } },
});
