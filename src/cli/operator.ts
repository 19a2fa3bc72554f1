import { userInfo } from "node:os";
import { type Actor, systemActor } from "../database/index.ts";

/** The actor of a command in the audit trail: the command, and the operating system's user, whom nothing proves. */
export const operatorActor = (command: string): Actor => systemActor(`${command}:${operatorName()}`);

function operatorName(): string {
  try {
    return userInfo()
      .username.replace(/[^\w.-]/g, "_")
      .slice(0, 60);
  } catch {
    // In a container, a user id may have no name.
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}
