export { needsRehash } from "./password/needs-rehash.ts";
export { verifyPassword } from "./password/verify-password.ts";
export { signingSecret } from "./secret.ts";
export { anonymous, type Caller, createTokens, serviceName, type Tokens } from "./tokens.ts";
