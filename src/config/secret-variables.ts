import { readFileSync } from "node:fs";

/** Variables with secrets. A variable of the name and `_FILE` may name a file that has the value, as orchestrators mount it. */
const secretVariables = ["DATABASE_URL", "JWT_SECRET", "ENCRYPTION_KEYS", "AUDIT_SIGNING_KEY"] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the files of secrets. `faulty` are the variables whose file has none, and `faults` say why. */
export function readSecretFiles(set: Environment): { variables: Environment; faulty: string[]; faults: string[] } {
  const variables: Record<string, string | undefined> = { ...set };
  const faulty: string[] = [];
  const faults: string[] = [];
  for (const name of secretVariables) {
    const file = set[`${name}_FILE`];
    if (file === undefined) continue;
    const { value, fault } =
      set[name] === undefined ? read(file) : { fault: `and ${name} are both set: set one of them` };
    if (value !== undefined) variables[name] = value;
    else {
      delete variables[name];
      faulty.push(name);
      faults.push(`${name}_FILE ${fault}`);
    }
  }
  return { variables, faulty, faults };
}

/** The text of a file without the line end that editors add. */
function read(file: string): { value?: string; fault?: string } {
  try {
    const value = readFileSync(file, "utf8").trimEnd();
    return value === "" ? { fault: "names an empty file" } : { value };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "unknown";
    return { fault: `names a file that cannot be read (${code})` };
  }
}

/** The environment without these secrets, for a command that needs none of them. */
export const withoutSecrets = (env: Environment, names: readonly (typeof secretVariables)[number][]): Environment => ({
  ...env,
  ...Object.fromEntries(
    names.flatMap((name) => [
      [name, undefined],
      [`${name}_FILE`, undefined],
    ]),
  ),
});
