import type { RowIssue } from "../fields/field-values.ts";
import type { ExternalAccount, ExternalRow } from "./external-account.ts";
import { parseJson, toText, toUnpaddedBase64 } from "./external-values.ts";
import { createPreset } from "./preset-reader.ts";

/** Keycloak: `kc.sh export` of a realm with its users, in one file or in separate files of users. */
export const keycloak = createPreset({
  name: "keycloak",
  id: ["id"],
  email: "email",
  username: ["username"],
  emailVerified: "emailVerified",
  passwordHash,
  flatten,
  createdAt: "createdTimestamp",
  isSuspended: (account) => account.readText("enabled") === "false",
  metadata: ["attributes"],
  ignored: ["notBefore", "disableableCredentialTypes", "access"],
});

/** Adds a key for each credential that is not a password, such as `credentials.otp`, so that it is reported as omitted. */
function flatten({ credentials, ...row }: ExternalRow): ExternalRow {
  const all = Array.isArray(credentials) ? credentials.filter((one) => typeof one === "object" && one !== null) : [];
  const others = all.filter(({ type }) => type !== "password").map((one) => [`credentials.${one.type}`, one]);
  return { ...row, credentials: all, ...Object.fromEntries(others) };
}

function passwordHash(account: ExternalAccount): string | RowIssue | undefined {
  const credentials = (account.read("credentials") ?? []) as ExternalRow[];
  const credential = credentials.find(({ type }) => type === "password");
  if (credential === undefined) return undefined;
  const secretData = (parseJson(credential["secretData"]) ?? {}) as ExternalRow;
  const credentialData = (parseJson(credential["credentialData"]) ?? {}) as ExternalRow;
  // Keycloak before version 8 stores the parameters as members of the credential.
  const hash = toUnpaddedBase64(secretData["value"] ?? credential["hashedSaltedValue"]);
  const salt = toUnpaddedBase64(secretData["salt"] ?? credential["salt"]);
  const iterations = toText(credentialData["hashIterations"] ?? credential["hashIterations"]);
  const algorithm = toText(credentialData["algorithm"] ?? credential["algorithm"]) ?? "";
  if (/^pbkdf2(-sha(256|512))?$/.test(algorithm)) return `$${algorithm}$i=${iterations}$${salt}$${hash}`;
  if (algorithm === "argon2") {
    const parameters = (credentialData["additionalParameters"] ?? {}) as ExternalRow;
    return `$argon2${argon2Cost(parameters, iterations)}$${salt}$${hash}`;
  }
  return {
    field: "passwordHash",
    message: `uses the algorithm ${algorithm.slice(0, 40)}, which sign-in does not verify`,
  };
}

/** Type, version and cost of an Argon2 hash, as the PHC string format writes them. */
function argon2Cost(parameters: ExternalRow, iterations: string | undefined): string {
  const parameter = (name: string) => toText(firstOf(parameters[name]));
  const version = parameter("version") === "1.0" ? 16 : 19;
  return `${parameter("type")}$v=${version}$m=${parameter("memory")},t=${iterations},p=${parameter("parallelism")}`;
}

const firstOf = (value: unknown): unknown => (Array.isArray(value) ? value[0] : value);
