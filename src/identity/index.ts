export { signingSecret } from "./secret.ts";
export { anonymous, type Caller, createTokens, serviceName, type Tokens } from "./tokens.ts";
