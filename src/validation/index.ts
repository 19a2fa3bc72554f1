export { isAscii, trimAscii } from "./ascii.ts";
export { emailRule } from "./email.ts";
export { passwordHash } from "./foreign-password-hash.ts";
export { jsonObject } from "./json-object.ts";
export { noPassword } from "./password-hash.ts";
export { ipAddress, moment, uuid } from "./scalars.ts";
export { accountStatus, isReserved, name, newUser, userBulkChange, userChange, yes } from "./user.ts";
