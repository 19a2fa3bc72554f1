export { isAscii, trimAscii } from "./ascii.ts";
export { emailRule } from "./email.ts";
export { jsonObject } from "./json-object.ts";
export type { Argon2Cost } from "./password-hash/argon2-formats.ts";
export { parseAspNetIdentity } from "./password-hash/aspnet-identity.ts";
export { cryptInteger, isArgon2Affordable } from "./password-hash/cost.ts";
export { type HashFormatName, hashFormatNames, type ParsedHash, parsePasswordHash } from "./password-hash/formats.ts";
export { noPassword, passwordHash } from "./password-hash/password-hash.ts";
export { ipAddress, isUuid, moment, uuid } from "./scalars.ts";
export {
  accountStatus,
  anyUsername,
  booleanFlag,
  isReserved,
  type NewAccount,
  newAccount,
  newUser,
  userBulkChange,
  userChange,
} from "./user.ts";
