import type { FieldFault } from "../formats/fields.ts";
import { createPreset, type Take } from "./preset.ts";
import { bareBase64, jsonOf, type SourceRow, sourceText } from "./values.ts";

/** `kc.sh export` of a realm with its users, in one file or in files of users. */
export const keycloak = createPreset({
  name: "keycloak",
  id: ["id"],
  email: "email",
  username: ["username"],
  emailVerified: "emailVerified",
  password,
  // The others, such as one-time codes, have no place here.
  unfold: ({ credentials, ...row }) => {
    const all = Array.isArray(credentials) ? credentials.filter((one) => typeof one === "object" && one !== null) : [];
    const others = all.filter(({ type }) => type !== "password").map((one) => [`credentials.${one.type}`, one]);
    return { ...row, credentials: all, ...Object.fromEntries(others) };
  },
  createdAt: "createdTimestamp",
  suspended: (take) => sourceText(take("enabled")) === "false",
  metadata: ["attributes"],
  ignored: ["notBefore", "disableableCredentialTypes", "access"],
});

function password(take: Take): string | undefined | FieldFault {
  const given = take("credentials");
  const credentials = (Array.isArray(given) ? given : []) as SourceRow[];
  const credential = credentials.find(({ type }) => type === "password");
  if (credential === undefined) return undefined;
  const secret = (jsonOf(credential["secretData"]) ?? {}) as SourceRow;
  const data = (jsonOf(credential["credentialData"]) ?? {}) as SourceRow;
  // Before Keycloak 8 they were in the credential itself.
  const value = bareBase64(secret["value"] ?? credential["hashedSaltedValue"]);
  const salt = bareBase64(secret["salt"] ?? credential["salt"]);
  const rounds = sourceText(data["hashIterations"] ?? credential["hashIterations"]);
  const algorithm = sourceText(data["algorithm"] ?? credential["algorithm"]) ?? "";
  if (/^pbkdf2(-sha(256|512))?$/.test(algorithm)) return `$${algorithm}$i=${rounds}$${salt}$${value}`;
  if (algorithm === "argon2") {
    const parameters = (data["additionalParameters"] ?? {}) as SourceRow;
    const [type, memory, lanes] = ["type", "memory", "parallelism"].map((name) => sourceText(first(parameters[name])));
    const version = first(parameters["version"]) === "1.0" ? 16 : 19;
    return `$argon2${type}$v=${version}$m=${memory},t=${rounds},p=${lanes}$${salt}$${value}`;
  }
  return {
    field: "passwordHash",
    message: `is of the algorithm ${algorithm.slice(0, 40)}, which sign-in will not verify`,
  };
}

const first = (value: unknown): unknown => (Array.isArray(value) ? value[0] : value);
