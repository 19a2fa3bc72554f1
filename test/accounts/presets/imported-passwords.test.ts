import { Readable } from "node:stream";
import { expect, it } from "vitest";
import type { ParsedRow } from "../../../src/accounts/fields/field-values.ts";
import { importedUserSchema } from "../../../src/accounts/fields/imported-user.ts";
import { formatOf } from "../../../src/accounts/file-format.ts";
import { openRowStream } from "../../../src/accounts/import/row-stream.ts";
import { createFieldMapping } from "../../../src/accounts/mapping/field-mapping.ts";
import { parseFirebaseHashParameters } from "../../../src/accounts/presets/firebase-hash.ts";
import { type PresetName, presetOf } from "../../../src/accounts/presets/presets.ts";
import { verifyPassword } from "../../../src/identity/password/verify-password.ts";
import { djangoVectors } from "../../identity/password/vectors/django.ts";
import { phpProgramVectors } from "../../identity/password/vectors/php-programs.ts";
import { ascii } from "../../identity/password/vectors/vectors.ts";

// Made as the vectors of the same hash functions: test/identity/password/vectors.
const bcrypt = "$2a$04$ZXHZCZ8NMjrcA0ADeNbUhucP5Og5hCP7azAx6.wTFi/g7uGNAGCXG";
const firebaseOfSupabase =
  "$fbscrypt$v=1,n=5,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$OX15+7qipmucTg==$MXa3KtiYjVqTQP2YgTf5dGYpodgn5nxxtLQM4lVrUvCMxTNrNcGKqLAiwJSyPwAqWMEcMeqyXRBRYD1C4C35+w==";

/** The parameters, a user and the password of firebase/scrypt's README, as `firebase auth:export` and the console write them. */
const firebaseHash = parseFirebaseHashParameters(`hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}`);
const firebaseUser = {
  localId: "uid_1",
  email: "a@x.org",
  passwordHash: "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
  salt: "42xEC+ixf3L2lw==",
};

/** Hashes as Keycloak computes them: by Java's SecretKeyFactory with 512 bits, and by BouncyCastle's Argon2 with 5 passes. */
const keycloakSalt = "mRcPuxg0d6NalMm/OQt3Ag==";
const keycloakHashes: Readonly<Record<string, string>> = {
  pbkdf2: "i5VrYLSl+iSnTkPMsyGYAb4nZxbYZYTwU0zaAdfNmaGHhpd0vXdbh10UEhrgjefWyrhcMl+Zk5N2DnL9r2YpIQ==",
  "pbkdf2-sha256": "8Sxmub1LtDr97uMYI14Dcrto61ffm4LhWMrua9Hbaj850e+BTdt7ZIsnhWQmTIwehCwzgwypfG3PAHDPX8QatA==",
  "pbkdf2-sha512": "MuW4Ad/r/ZPy68zg8I1sUDbNe0xOYbddgEUuPYS6F73Cdt4fKGVf0IidtLGJNk9TMXS8qGoql7ThppNfyLUvcA==",
  argon2: "tZHf77TNiuTKS4nYiDrtdO72S4uLTQzxW//pflrY7gI=",
};
const keycloakUsers = Object.entries(keycloakHashes).map(([algorithm, value], index) => {
  const isArgon2 = algorithm === "argon2";
  const argon2 = { memory: ["64"], type: ["id"], version: ["1.3"], parallelism: ["1"], hashLength: ["32"] };
  const credential = { hashIterations: isArgon2 ? 5 : 100, algorithm, additionalParameters: isArgon2 ? argon2 : {} };
  return {
    username: `player_${index}`,
    email: `${algorithm}@x.org`,
    credentials: [
      {
        type: "password",
        secretData: JSON.stringify({ value, salt: keycloakSalt, additionalParameters: {} }),
        credentialData: JSON.stringify(credential),
      },
    ],
  };
});

const auth0Users = [
  { email: "a@x.org", passwordHash: bcrypt },
  {
    email: "b@x.org",
    custom_password_hash: {
      algorithm: "pbkdf2",
      hash: { value: "$pbkdf2-sha224$i=100,l=20$gX/h6BYoLg7wPI6VsgHHqA$i5b7DJdp8zhdoGntGuEGK5cU9z0", encoding: "utf8" },
    },
  },
];

const hashesOf = (vectors: typeof djangoVectors, madeBy: string) =>
  vectors.filter((one) => one.madeBy === madeBy && one.password === ascii).flatMap(({ hashes }) => hashes);

const djangoUsers = hashesOf(djangoVectors, "Django").map((password, index) => ({
  model: "auth.user",
  pk: index,
  fields: { username: `player_${index}`, email: `${index}@x.org`, password },
}));

const wordPressUsers = [...hashesOf(phpProgramVectors, "WordPress 6.8"), "$P$5/DzkeLSwqQKD4QKekq2fwffX2RwkD."];

interface ExportedFile {
  readonly name: string;
  readonly preset?: PresetName | undefined;
}

async function importedRows(content: string, { name, preset }: ExportedFile): Promise<ParsedRow[]> {
  const mapping = createFieldMapping({ preset: preset && presetOf(preset, { firebaseHash }) });
  const { rows } = openRowStream(Readable.from([Buffer.from(content)]), { format: formatOf(name) ?? "csv", mapping });
  const all: ParsedRow[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/** The hashes that an import stores: the rows of a file, mapped and validated. */
async function importedHashes(content: string, file: ExportedFile): Promise<string[]> {
  const schema = importedUserSchema({ reservedNames: true });
  const rows = await importedRows(content, file);
  return rows.map((row) => schema.parse("issue" in row ? row.issue : row.fields).passwordHash);
}

it.each<{ preset: PresetName; name?: string; content: string; password?: string; count: number }>([
  { preset: "auth0", content: JSON.stringify(auth0Users), count: 2 },
  { preset: "firebase", content: JSON.stringify({ users: [firebaseUser] }), password: "user1password", count: 1 },
  { preset: "keycloak", content: JSON.stringify({ realm: "game", users: keycloakUsers }), count: 4 },
  {
    preset: "supabase",
    content: JSON.stringify([
      { email: "a@x.org", encrypted_password: bcrypt },
      { email: "b@x.org", encrypted_password: firebaseOfSupabase },
    ]),
    count: 2,
  },
  { preset: "django", content: JSON.stringify(djangoUsers), count: 6 },
  {
    preset: "wordpress",
    name: "wp_users.csv",
    content: [
      "user_email,user_login,user_pass",
      ...wordPressUsers.map((hash, at) => `${at}@x.org,player_${at},${hash}`),
      "",
    ].join("\n"),
    count: 2,
  },
])("an account of an export of $preset has the password that it had there", async (example) => {
  const { preset, name = "users.json", content, password = ascii, count } = example;
  const hashes = await importedHashes(content, { name, preset });
  expect(hashes).toHaveLength(count);
  for (const hash of hashes) {
    expect(await verifyPassword(hash, password), hash).toBe(true);
    expect(await verifyPassword(hash, `${password}x`), hash).toBe(false);
  }
});

it("an account of an export of auth0 is rejected if its password was not hashed in UTF-8", async () => {
  const [user] = auth0Users.slice(1);
  const password = { encoding: "utf16le" };
  const content = JSON.stringify([{ ...user, custom_password_hash: { ...user?.custom_password_hash, password } }]);
  expect(await importedRows(content, { name: "users.json", preset: "auth0" })).toMatchObject([
    { issue: { field: "passwordHash", message: expect.stringContaining("utf16le") } },
  ]);
});

it("an account of an export of cognito has no password", async () => {
  const csv = "cognito:username,email,email_verified\nTom_1,b@x.org,true\n";
  const [hash = ""] = await importedHashes(csv, { name: "users.csv", preset: "cognito" });
  for (const password of ["", hash, ascii]) expect(await verifyPassword(hash, password)).toBe(false);
});

it("accounts of tables of ASP.NET Identity and Spring Security have the passwords that they had there", async () => {
  const csv = `Email,UserName,PasswordHash
a@x.org,Mira_1,AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw
b@x.org,Mira_2,AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==
c@x.org,Mira_3,{bcrypt}${bcrypt}
d@x.org,Mira_4,{scrypt}$50801$mRcPuxg0d6NalMm/OQt3Ag==$5Ui8DngKAW/tNFqOiPJ6U2lz3UlDJ9280zJTWmLcz9Y=
`;
  const hashes = await importedHashes(csv, { name: "AspNetUsers.csv" });
  const passwords = ["my password", "my password", ascii, ascii];
  expect(await Promise.all(hashes.map((hash, at) => verifyPassword(hash, String(passwords[at]))))).toEqual([
    true,
    true,
    true,
    true,
  ]);
});
