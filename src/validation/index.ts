export { isAscii, trimAscii } from "./ascii.ts";
export { emailRule } from "./email.ts";
export { jsonObject } from "./json-object.ts";
export { noPassword, passwordHash } from "./password-hash/password-hash.ts";
export { ipAddress, moment, uuid } from "./scalars.ts";
export { accountStatus, anyUsername, booleanFlag, isReserved, newUser, userBulkChange, userChange } from "./user.ts";
