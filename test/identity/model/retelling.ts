import type { Sql } from "postgres";

type Change = readonly [before: unknown, after: unknown];
type Changes = Readonly<Record<string, Change>>;

interface Row {
  readonly actor: string;
  readonly action: "insert" | "update" | "delete";
  readonly table: string;
  readonly key: string;
  readonly changes: Changes;
  readonly ip: string | null;
}

/** What the trail tells of an account: one fact for each thing that happened, in the words of the model. */
export async function retell(sql: Sql, userId: string): Promise<{ fact: string; ip: string | null }[]> {
  const rows = await sql<Row[]>`
    select actor, action, resource_type as table, resource_id as key, changes, host(ip_address) as ip
    from audit_log where not (resource_type = 'users' and action = 'insert') and actor not like 'db:%'
      and (resource_id like ${`%${userId}%`} or resource_type = 'user_sessions' and resource_id in (
        select id::text from user_sessions where user_id = ${userId}))
    order by created_at, id`;
  return rows.flatMap((row) => factsOf(row).map((fact) => ({ fact: `${actingOf(row, userId)}: ${fact}`, ip: row.ip })));
}

function actingOf({ actor }: Row, userId: string): string {
  if (actor === `user:${userId}`) return "owner";
  return actor.startsWith("user:") ? "moderator" : actor;
}

function factsOf(row: Row): string[] {
  const { table, action, key, changes } = row;
  if (table === "user_sessions") return sessionFacts(key, action, changes);
  // The key of a device is that of the account, and its own.
  if (table === "user_devices") return deviceFacts(`device ${key.split(",").at(-1)}`, action, changes);
  if (table === "user_security") return securityFacts(changes);
  return [
    ...("password_hash" in changes ? ["password changed"] : []),
    ...(changes["status"] === undefined ? [] : [`status ${changes["status"][1]}`]),
  ];
}

function sessionFacts(id: string, action: string, changes: Changes): string[] {
  const after = (column: string) => changes[column]?.[1];
  if (action === "insert") {
    return [`session ${id} began on ${after("device_id")} by ${textOf(after("factors"))} after ${after("failures")}`];
  }
  return [
    ...("revoked_at" in changes ? [`session ${id} ended: ${after("revocation_reason")}`] : []),
    ...("replayed_at" in changes ? [`session ${id} replayed late`] : []),
    ...("authenticated_at" in changes ? [`session ${id} authenticated again`] : []),
    ...("device_id" in changes ? [`session ${id} lost its device`] : []),
  ];
}

/** An array of PostgreSQL, as the trail writes it: `{password,totp}`. */
const textOf = (factors: unknown) => String(factors).replace(/[{}]/g, "").replaceAll(",", "+");

function deviceFacts(name: string, action: string, changes: Changes): string[] {
  if (action === "insert") return [`${name} known`];
  if (action === "delete") return [`${name} forgotten`];
  return ["token_hash" in changes ? [`${name} has a new token`] : [], bucketFacts(name, changes)].flat();
}

function bucketFacts(name: string, { locked_until: lock, failing_since: since }: Changes): string[] {
  return [
    ...(lock === undefined ? [] : [`${name} ${lock[1] === null ? "unlocked" : "locked"}`]),
    ...(since === undefined ? [] : [`${name} ${since[1] === null ? "forgiven" : "begin to fail"}`]),
  ];
}

function securityFacts(changes: Changes): string[] {
  const { two_factor_secret: secret, two_factor_pending_secret: pending, code_locked_until: codeLock } = changes;
  const isTaken = "recovery_codes" in changes && secret === undefined;
  return [
    ...bucketFacts("strangers", changes),
    ...(codeLock === undefined ? [] : bucketFacts("codes", { locked_until: codeLock })),
    ...(pending?.[1] == null ? [] : ["enrolment begun"]),
    ...(secret === undefined ? [] : [secret[1] === null ? "factor removed" : "factor bound"]),
    ...(isTaken ? ["recovery code taken"] : []),
    ...("password_changed_at" in changes ? ["password dated"] : []),
  ];
}
