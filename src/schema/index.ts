/** The tables of the service in Drizzle. The migrations under `drizzle/` create them. */
export { auditCheckpoints } from "./audit-checkpoints.ts";
export { auditLeaves } from "./audit-leaves.ts";
export { auditLog } from "./audit-log.ts";
export { auditSequencer } from "./audit-sequencer.ts";
export { auditTree } from "./audit-tree.ts";
export { challenges } from "./challenges.ts";
export { byteOrder, lower, lowerText } from "./columns.ts";
export { constraintMessages } from "./constraints.ts";
export { formatInstant, parseInstant } from "./instant.ts";
export { rateLimits } from "./rate-limits.ts";
export { userDevices } from "./user-devices.ts";
export { userSecurity } from "./user-security.ts";
export { userSessions } from "./user-sessions.ts";
export { userRoles, userStatuses, users, usersConstraints } from "./users.ts";
