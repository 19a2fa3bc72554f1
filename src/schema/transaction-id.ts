import { customType } from "drizzle-orm/pg-core";

/** An `xid8` column: the 64-bit id of a transaction, which never wraps around (PostgreSQL manual, 9.27.8). */
export const transactionId = customType<{ data: bigint; driverData: string }>({
  dataType: () => "xid8",
  fromDriver: BigInt,
  toDriver: String,
});
