import { ImportExportError } from "../errors.ts";
import { createPreset, type Preset, type Take } from "./preset.ts";
import { bareBase64, sourceText } from "./values.ts";

/** What Firebase adds to each password of a project, as its console shows it. */
export interface FirebaseHash {
  readonly signerKey: string;
  readonly saltSeparator: string;
  readonly rounds: number;
  readonly memCost: number;
}

/** @throws {ImportExportError} when it is not what the console shows */
export function readFirebaseHash(text: string): FirebaseHash {
  const value = (name: string) => new RegExp(`["']?${name}["']?\\s*[:=]\\s*["']?([A-Za-z0-9+/=_-]+)`).exec(text)?.[1];
  const signerKey = value("base64_signer_key");
  if (signerKey === undefined)
    throw new ImportExportError(
      "The parameters of Firebase's hashes must be what its console shows: hash_config { base64_signer_key: …, base64_salt_separator: …, rounds: 8, mem_cost: 14 }.",
    );
  return {
    signerKey,
    saltSeparator: value("base64_salt_separator") ?? "Bw==",
    rounds: Number(value("rounds") ?? 8),
    memCost: Number(value("mem_cost") ?? 14),
  };
}

const provider = (name: string) => ["id", "email", "displayName", "photoUrl"].map((part) => `${name}.${part}`);

/** `firebase auth:export`, JSON and CSV (accountExporter.ts of firebase-tools). */
export const firebase = (hash: FirebaseHash | undefined): Preset =>
  createPreset({
    name: "firebase",
    // Each line ends with a comma.
    columns: [
      ..."localId email emailVerified passwordHash salt displayName photoUrl".split(" "),
      ...["google.com", "facebook.com", "twitter.com", "github.com"].flatMap(provider),
      ..."createdAt lastSignedInAt phoneNumber disabled customAttributes end".split(" "),
    ],
    id: ["localId"],
    email: "email",
    username: ["displayName"],
    emailVerified: "emailVerified",
    password: (take) => password(take, hash),
    createdAt: "createdAt",
    lastLogin: "lastSignedInAt",
    suspended: (take) => sourceText(take("disabled")) === "true",
    metadata: ["customAttributes"],
  });

function password(
  take: Take,
  hash: FirebaseHash | undefined,
): ReturnType<NonNullable<Parameters<typeof createPreset>[0]["password"]>> {
  const [value, salt] = [sourceText(take("passwordHash")), sourceText(take("salt"))];
  if (value === undefined || salt === undefined) return undefined;
  if (hash === undefined)
    return {
      field: "passwordHash",
      message: "needs the parameters of the project's hashes: --firebase-hash-config FILE",
    };
  const cost = `ln=${hash.memCost},r=${hash.rounds},p=1`;
  return `$firescrypt$${cost}$${bareBase64(salt)}$${bareBase64(value)}$${hash.saltSeparator}$${bareBase64(hash.signerKey)}`;
}
