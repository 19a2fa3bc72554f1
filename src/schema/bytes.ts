import { customType } from "drizzle-orm/pg-core";

/** A `bytea` column, of which postgres.js returns a Buffer. */
export const bytes = customType<{ data: Uint8Array; driverData: Buffer }>({
  dataType: () => "bytea",
  toDriver: (value) => Buffer.from(value),
});
