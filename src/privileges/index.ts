/** The privileges of the service's role: what it needs, how a role is given them, and what a login must not be. */
export { servicePrivileges } from "./declaration.ts";
export { type GrantOptions, grantServiceRole, RoleError, type RoleGrant } from "./grant-role.ts";
export { missingPrivileges } from "./inspection.ts";
export { powerOfLogin, requireServicePrivileges, summarizePrivileges } from "./login-check.ts";
