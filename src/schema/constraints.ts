import { auditCheckpointsConstraintMessages } from "./audit-checkpoints.ts";
import { auditLeavesConstraintMessages } from "./audit-leaves.ts";
import { auditLogConstraintMessages } from "./audit-log.ts";
import { auditSequencerConstraintMessages } from "./audit-sequencer.ts";
import { auditTreeConstraintMessages } from "./audit-tree.ts";
import { challengesConstraintMessages } from "./challenges.ts";
import type { ConstraintMessages } from "./constraint-message.ts";
import { userDevicesConstraintMessages } from "./user-devices.ts";
import { userSecurityConstraintMessages } from "./user-security.ts";
import { userSessionsConstraintMessages } from "./user-sessions.ts";
import { usersConstraintMessages } from "./users.ts";

/** The messages of all tables' constraints, by constraint name. Names are unique, because they begin with the table's. */
export const constraintMessages: ConstraintMessages = {
  ...usersConstraintMessages,
  ...challengesConstraintMessages,
  ...userDevicesConstraintMessages,
  ...userSecurityConstraintMessages,
  ...userSessionsConstraintMessages,
  ...auditLogConstraintMessages,
  ...auditLeavesConstraintMessages,
  ...auditSequencerConstraintMessages,
  ...auditTreeConstraintMessages,
  ...auditCheckpointsConstraintMessages,
};
