// Better Auth on node:http and pg. It checks the signed cookie of a session.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { toNodeHandler } from "better-auth/node";
import { betterAuthOptions } from "./better-auth-options.mjs";

const auth = betterAuth({
  ...betterAuthOptions(process.env.DATABASE_URL),
  baseURL: `http://127.0.0.1:${process.env.PORT}`,
});

createServer(toNodeHandler(auth)).listen(Number(process.env.PORT), "127.0.0.1");
