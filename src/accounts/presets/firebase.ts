import type { RowIssue } from "../fields/field-values.ts";
import type { ExternalAccount } from "./external-account.ts";
import { toUnpaddedBase64 } from "./external-values.ts";
import type { FirebaseHashParameters } from "./firebase-hash.ts";
import type { Preset } from "./preset.ts";
import { createPreset } from "./preset-reader.ts";

const providerColumns = (provider: string) =>
  ["id", "email", "displayName", "photoUrl"].map((column) => `${provider}.${column}`);

/** Firebase: `firebase auth:export` as JSON or CSV (accountExporter.ts of firebase-tools). */
export const createFirebasePreset = (parameters: FirebaseHashParameters | undefined): Preset =>
  createPreset({
    name: "firebase",
    // The CSV has no header, and each row ends with a comma: hence the column `end`.
    csvColumns: [
      ..."localId email emailVerified passwordHash salt displayName photoUrl".split(" "),
      ...["google.com", "facebook.com", "twitter.com", "github.com"].flatMap(providerColumns),
      ..."createdAt lastSignedInAt phoneNumber disabled customAttributes end".split(" "),
    ],
    id: ["localId"],
    email: "email",
    username: ["displayName"],
    emailVerified: "emailVerified",
    passwordHash: (account) => passwordHash(account, parameters),
    createdAt: "createdAt",
    lastLogin: "lastSignedInAt",
    isSuspended: (account) => account.readText("disabled") === "true",
    metadata: ["customAttributes"],
  });

function passwordHash(
  account: ExternalAccount,
  parameters: FirebaseHashParameters | undefined,
): string | RowIssue | undefined {
  const [hash, salt] = [account.readText("passwordHash"), account.readText("salt")];
  if (hash === undefined || salt === undefined) return undefined;
  if (parameters === undefined)
    return {
      field: "passwordHash",
      message: "needs the hash parameters of the Firebase project: --firebase-hash-config FILE",
    };
  const { memCost, rounds, saltSeparator, signerKey } = parameters;
  const [bareSalt, bareHash, bareKey] = [salt, hash, signerKey].map(toUnpaddedBase64);
  return `$firescrypt$ln=${memCost},r=${rounds},p=1$${bareSalt}$${bareHash}$${saltSeparator}$${bareKey}`;
}
