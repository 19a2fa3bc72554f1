import { createHash } from "node:crypto";
import { noPassword } from "../../validation/index.ts";
import type { FieldFault, Fields } from "../formats/fields.ts";
import { bool, isEmpty, jsonOf, momentOf, type SourceRow, sourceText } from "./values.ts";

/** How another system writes its accounts. */
export interface Preset {
  readonly name: string;
  /** Names of its columns or keys. */
  readonly names: readonly string[];
  /** Columns of its CSV, where that has no line of names. */
  readonly columns?: readonly string[] | undefined;
  knows(name: string): boolean;
  read(row: SourceRow): { fields: Fields; leftOut: readonly string[] } | { fault: FieldFault };
}

/** Takes a value out of the row: what is left at the end has no place here. */
export type Take = (key: string) => unknown;

/** Where the fields of an account are in a system's rows. */
export interface SourceTable {
  readonly name: string;
  readonly columns?: readonly string[];
  /** Makes one flat row of one that is nested. */
  readonly unfold?: (row: SourceRow) => SourceRow | FieldFault;
  /** Its own id: kept where it is a UUID, and always in `metadata.imported`. */
  readonly id: readonly string[];
  readonly email: string;
  /** The first one that can be a username here is it. */
  readonly username: readonly string[];
  readonly emailVerified?: string;
  /** Kept: the hash as this service has it, or none. */
  readonly password?: (take: Take) => string | undefined | FieldFault;
  readonly createdAt?: string;
  readonly lastLogin?: string;
  readonly deletedAt?: string;
  readonly suspended?: (take: Take) => boolean;
  /** Objects, or JSON of some, that are kept in `metadata`. */
  readonly metadata?: readonly string[];
  /** Keys that say nothing of the account. */
  readonly ignored?: readonly string[];
}

export function createPreset(table: SourceTable): Preset {
  const names = [
    ...table.id,
    table.email,
    ...table.username,
    ...[table.emailVerified, table.createdAt, table.lastLogin].flatMap((name) => name ?? []),
  ];
  return {
    name: table.name,
    names,
    columns: table.columns,
    knows: (name) => names.includes(name),
    read: (given) => {
      const row = table.unfold?.(given) ?? given;
      return isFault(row) ? { fault: row } : readRow(table, { ...row });
    },
  };
}

function readRow(table: SourceTable, row: Record<string, unknown>): ReturnType<Preset["read"]> {
  const take: Take = (key) => {
    const value = row[key];
    delete row[key];
    return value;
  };
  const text = (key: string | undefined) => (key === undefined ? undefined : sourceText(take(key)));
  const fields: Fields = {};
  const faults: FieldFault[] = [];
  for (const key of table.ignored ?? []) take(key);

  const ids = table.id.flatMap((key) => text(key) ?? []);
  const id = ids[0];
  const uuid = ids.find((text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text));
  if (uuid !== undefined) fields["id"] = uuid;
  fields["email"] = text(table.email);
  const name = table.username.find((key) => /^[A-Za-z0-9_-]{3,50}$/.test(sourceText(row[key]) ?? ""));
  // Not of the email: that is nobody else's to read.
  fields["username"] = name === undefined ? madeUpName(id ?? String(fields["email"])) : text(name);

  const hash = table.password?.(take);
  if (isFault(hash)) faults.push(hash);
  else fields["passwordHash"] = hash === undefined || /^[!*]/.test(hash) ? noPassword : hash;
  if (table.emailVerified !== undefined) fields["emailVerified"] = bool(take(table.emailVerified));
  for (const field of ["createdAt", "lastLogin", "deletedAt"] as const) {
    const key = table[field];
    if (key !== undefined) fields[field] = momentOf(take(key));
  }
  if (table.suspended?.(take)) fields["status"] = "suspended";

  const metadata: Record<string, unknown> = {};
  for (const key of table.metadata ?? []) {
    const value = jsonOf(take(key));
    if (!isEmpty(value)) metadata[key] = value;
  }
  if (id !== undefined) metadata["imported"] = { from: table.name, id };
  fields["metadata"] = metadata;
  const [fault] = faults;
  if (fault !== undefined) return { fault };
  return { fields, leftOut: Object.keys(row).filter((key) => !isEmpty(row[key])) };
}

/** The same of the same account at every attempt. */
const madeUpName = (id: string) => `player_${createHash("sha256").update(id).digest("hex").slice(0, 12)}`;

const isFault = (value: unknown): value is FieldFault =>
  typeof value === "object" && value !== null && "message" in value && "field" in value;
