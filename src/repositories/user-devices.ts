import { and, desc, eq, gt, sql } from "drizzle-orm";
import { type Actor, runWrite, setAuditContext } from "../database/index.ts";
import { NotFoundError } from "../errors.ts";
import { userDevices } from "../schema/index.ts";
import { TransactionalRepository } from "./transactional.ts";

/** A device that an account has signed in from. */
export interface UserDevice {
  id: string;
  /** The name that the owner has given to it. */
  name: string | null;
  userAgent: string | null;
  createdAt: Date;
  lastUsedAt: Date;
}

const { id, userId, name, userAgent, createdAt, lastUsedAt, expiresAt } = userDevices;
// The hash of the token is not read.
const columns = { id, name, userAgent, createdAt, lastUsedAt };

/** The known devices of accounts. Every query has the user id. */
export class UserDeviceRepository extends TransactionalRepository {
  /** The devices of an account that have not expired, at most 20, the last used first. */
  list(owner: string): Promise<UserDevice[]> {
    return this.db
      .select(columns)
      .from(userDevices)
      .where(and(eq(userId, owner), gt(expiresAt, sql`now()`)))
      .orderBy(desc(lastUsedAt), desc(id));
  }

  /** Names a device; null removes the name. @throws {NotFoundError} */
  async rename(by: Actor, owner: string, device: string, newName: string | null): Promise<UserDevice> {
    const [renamed] = await runWrite(this.db, async () =>
      this.db
        .update(userDevices)
        .set({ name: newName })
        .where(isDevice(owner, device))
        .returning({ ...columns, auditContext: setAuditContext(by) }),
    );
    if (renamed === undefined) throw new NotFoundError("There is no such device.");
    const { auditContext: _, ...row } = renamed;
    return row;
  }

  /** Forgets a device: its next sign-in is a stranger's. @throws {NotFoundError} */
  async forget(by: Actor, owner: string, device: string): Promise<void> {
    const forgotten = await runWrite(this.db, async () =>
      this.db
        .delete(userDevices)
        .where(isDevice(owner, device))
        .returning({ auditContext: setAuditContext(by) }),
    );
    if (forgotten.length === 0) throw new NotFoundError("There is no such device.");
  }
}

const isDevice = (owner: string, device: string) => and(eq(userId, owner), eq(id, device));
