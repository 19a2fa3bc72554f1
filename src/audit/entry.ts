import { prefixedHash } from "./prefixed-hash.ts";

/**
 * The values of a row of the audit trail, as PostgreSQL prints them: times in UTC with microseconds
 * (`2026-11-28T05:00:00.123456Z`), `changes` and `ipAddress` as `jsonb` and `inet` are printed. A value that passed through
 * `JSON.parse` or a Date is another one.
 */
export interface EntryValues {
  readonly id: string;
  readonly createdAt: string;
  readonly action: string;
  readonly actor: string;
  readonly actingId: string | null;
  readonly subjectId: string | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly requestId: string | null;
  readonly changes: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
}

/** Sixteen random bytes for each commitment of an entry; null where there is no value. */
export interface EntrySalts {
  readonly changes: Uint8Array | null;
  readonly client: Uint8Array | null;
}

/**
 * The entry of a row, version 1: JSON in the form of RFC 8785, whose values are texts or null. `changes`, and the client's
 * address with its user agent, stand in it as commitments, so that they can be erased later and the entry stays the same.
 * The SQL function `sequence_audit_log` writes the same bytes.
 */
export function entryOf(row: EntryValues, salts: EntrySalts): string {
  const client = clientOf(row);
  const changes = row.changes === null ? null : commitmentTo(row.changes, salts.changes);
  const clientCommitment = client === null ? null : commitmentTo(client, salts.client);
  // In the order of RFC 8785, 3.2.3. JSON.stringify escapes as its 3.2.2.2 requires. One call for each value takes two thirds
  // of the time of one for an object.
  return `{"acting_id":${json(row.actingId)},"action":${json(row.action)},"actor":${json(row.actor)},"changes":${json(changes)},"client":${json(clientCommitment)},"created_at":${json(row.createdAt)},"id":${json(row.id)},"request_id":${json(row.requestId)},"resource_id":${json(row.resourceId)},"resource_type":${json(row.resourceType)},"subject_id":${json(row.subjectId)},"version":"1"}`;
}

const json = (value: string | null): string => JSON.stringify(value);

/** The address and user agent of the client as JSON in the form of RFC 8785; null if the row has neither. */
export function clientOf({ ipAddress, userAgent }: Pick<EntryValues, "ipAddress" | "userAgent">): string | null {
  if (ipAddress === null && userAgent === null) return null;
  return `{"ip_address":${json(ipAddress)},"user_agent":${json(userAgent)}}`;
}

/** SHA-256 of the salt and the value, in hexadecimal. Without its salt, a value cannot be guessed from it. */
const commitmentTo = (value: string, salt: Uint8Array | null): string => prefixedHash(salt ?? noSalt, value, "hex");

const noSalt = new Uint8Array();
