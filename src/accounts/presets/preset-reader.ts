import { createHash } from "node:crypto";
import { isUuid, noPassword } from "../../validation/index.ts";
import type { FieldValues, RowIssue } from "../fields/field-values.ts";
import { ExternalAccount } from "./external-account.ts";
import { isEmptyValue, parseJson, toBoolean, toTimestamp } from "./external-values.ts";
import type { Preset, PresetDefinition } from "./preset.ts";

export function createPreset(definition: PresetDefinition): Preset {
  const { id, email, username, emailVerified, createdAt, lastLogin } = definition;
  const columnNames = [
    ...id,
    email,
    ...username,
    ...[emailVerified, createdAt, lastLogin].flatMap((name) => name ?? []),
  ];
  return {
    name: definition.name,
    columnNames,
    csvColumns: definition.csvColumns,
    hasColumn: (name) => columnNames.includes(name),
    read: (row) => {
      const flat = definition.flatten?.(row) ?? row;
      return isRowIssue(flat) ? { issue: flat } : readAccount(new ExternalAccount(flat), definition);
    },
  };
}

function readAccount(account: ExternalAccount, definition: PresetDefinition): ReturnType<Preset["read"]> {
  for (const key of definition.ignored ?? []) account.read(key);
  const hash = definition.passwordHash?.(account);
  if (isRowIssue(hash)) return { issue: hash };

  const ids = definition.id.flatMap((key) => account.readText(key) ?? []);
  const email = account.readText(definition.email);
  const fields: FieldValues = {
    email,
    username: readUsername(account, definition) ?? generatedUsername(ids[0] ?? String(email)),
    passwordHash: hash === undefined || isUnusableHash(hash) ? noPassword : hash,
    metadata: readMetadata(account, { definition, id: ids[0] }),
  };
  const uuid = ids.find((text) => isUuid(text.toLowerCase()));
  if (uuid !== undefined) fields["id"] = uuid;
  if (definition.emailVerified !== undefined)
    fields["emailVerified"] = toBoolean(account.read(definition.emailVerified));
  for (const field of ["createdAt", "lastLogin", "deletedAt"] as const) {
    const key = definition[field];
    if (key !== undefined) fields[field] = toTimestamp(account.read(key));
  }
  if (definition.isSuspended?.(account)) fields["status"] = "suspended";
  const unread = account.unread().filter(([, value]) => !isEmptyValue(value));
  return { fields, unread: unread.map(([key]) => key) };
}

/** Django and shadow(5) write a hash that begins with `!` or `*` for an account without a usable password. */
const isUnusableHash = (hash: string): boolean => /^[!*]/.test(hash);

function readUsername(account: ExternalAccount, { username }: PresetDefinition): string | undefined {
  const key = username.find((name) => /^[A-Za-z0-9_-]{3,50}$/.test(account.peekText(name) ?? ""));
  return key === undefined ? undefined : account.readText(key);
}

/**
 * A username that is the same in every attempt to import an account. It is a hash of the id, because other players see
 * usernames and must not learn an email address.
 */
const generatedUsername = (id: string) => `player_${createHash("sha256").update(id).digest("hex").slice(0, 12)}`;

function readMetadata(
  account: ExternalAccount,
  { definition, id }: { definition: PresetDefinition; id: string | undefined },
): Record<string, unknown> {
  const metadata: Record<string, unknown> = {};
  for (const key of definition.metadata ?? []) {
    const value = parseJson(account.read(key));
    if (!isEmptyValue(value)) metadata[key] = value;
  }
  if (id !== undefined) metadata["imported"] = { from: definition.name, id };
  return metadata;
}

const isRowIssue = (value: unknown): value is RowIssue =>
  typeof value === "object" && value !== null && "message" in value && "field" in value;
