import { pbkdf2Sync, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createFieldMapping } from "../../../src/accounts/mapping/field-mapping.ts";
import { parseFirebaseHashParameters } from "../../../src/accounts/presets/firebase-hash.ts";
import { type PresetName, presetOf } from "../../../src/accounts/presets/presets.ts";
import { passwordHash } from "../../support/factories.ts";
import { fileOf, importFile, rejectedRowsOf, useImportDatabase } from "../../support/import.ts";

const shared = useImportDatabase();

const bcrypt = `$2a$10$${"a".repeat(53)}`;
const id = "5f0c6f0e-1111-4222-8333-444455556666";
const hashParameters = parseFirebaseHashParameters(`hash_config {
  algorithm: SCRYPT,
  base64_signer_key: ${randomBytes(64).toString("base64")},
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}`);

async function imported(from: PresetName, name: string, content: string | Buffer) {
  const file = fileOf(name, content);
  const mapping = createFieldMapping({ preset: presetOf(from, { firebaseHash: hashParameters }) });
  const report = await importFile(shared.pool, file, { mapping });
  const users = await shared.database.sql`
    select id, email, username, password_hash, email_verified, status, role, metadata, created_at, last_login, deleted_at from users order by email`;
  return { report, users, refused: report.refused === 0 ? [] : rejectedRowsOf(file) };
}

describe("auth0", () => {
  const lines = [
    {
      _id: { $oid: "5f0c6f0e1111422283334444" },
      email: "Mira@x.org",
      email_verified: true,
      passwordHash: bcrypt,
      tenant: "game",
      connection: "db",
      _tmp_is_unique: true,
      password_set_date: { $date: "2024-01-01T00:00:00.000Z" },
    },
    {
      user_id: "google-oauth2|1",
      email: "b@x.org",
      nickname: "Tom_1",
      created_at: "2023-01-02T03:04:05.678Z",
      last_login: "2024-01-02T03:04:05.678Z",
      blocked: true,
      identities: [{ provider: "google" }],
      picture: "https://x",
      user_metadata: { level: 7 },
    },
  ];

  it("the auth0 preset reads exported JSON lines, with and without password hashes", async () => {
    const { report, users } = await imported(
      "auth0",
      "auth0.ndjson.gz",
      gzipSync(lines.map((line) => JSON.stringify(line)).join("\n")),
    );
    expect(report).toMatchObject({ imported: 2, refused: 0, leftOut: { identities: 1, picture: 1 } });
    expect(users).toMatchObject([
      {
        email: "b@x.org",
        username: "Tom_1",
        password_hash: "!",
        status: "suspended",
        email_verified: false,
        metadata: { user_metadata: { level: 7 }, imported: { from: "auth0", id: "google-oauth2|1" } },
        created_at: new Date("2023-01-02T03:04:05.678Z"),
        last_login: new Date("2024-01-02T03:04:05.678Z"),
      },
      {
        email: "mira@x.org",
        username: expect.stringMatching(/^player_[0-9a-f]{12}$/),
        password_hash: bcrypt,
        email_verified: true,
        metadata: { imported: { from: "auth0", id: "5f0c6f0e1111422283334444" } },
      },
    ]);
  });

  it("the auth0 preset reads the array of a bulk import, and CSV", async () => {
    const array = [
      {
        email: "a@x.org",
        username: "Mira_1",
        custom_password_hash: { algorithm: "argon2", hash: { value: passwordHash } },
      },
    ];
    expect((await imported("auth0", "auth0.json", JSON.stringify(array))).users).toMatchObject([
      { username: "Mira_1", password_hash: passwordHash },
    ]);
    const csv = `"user_id","email","email_verified","nickname"\n"'auth0|1","c@x.org","true","Zoe_1"\n`;
    expect((await imported("auth0", "auth0.csv", csv)).users[1]).toMatchObject({
      email: "c@x.org",
      username: "Zoe_1",
      email_verified: true,
    });
  });

  it("the auth0 preset reads the CSV of the User Import/Export extension", async () => {
    const csv = `Id,Given Name,Nickname,Name,Email,Email Verified,Created At,Updated At,Last Login,Blocked
auth0|2,Ann,Ann_1,Ann A,d@x.org,true,2020-01-02T03:04:05.678Z,2021-01-01T00:00:00.000Z,2021-01-01T00:00:00.000Z,true
`;
    const { report, users } = await imported("auth0", "extension.csv", csv);
    expect(users.find(({ email }) => email === "d@x.org")).toMatchObject({
      username: "Ann_1",
      status: "suspended",
      email_verified: true,
      created_at: new Date("2020-01-02T03:04:05.678Z"),
      last_login: new Date("2021-01-01T00:00:00.000Z"),
    });
    expect(report.leftOut).toEqual({ "Given Name": 1, name: 1 });
  });
});

describe("firebase", () => {
  const [hash, salt] = [randomBytes(64).toString("base64"), "42xEC+ixf3L2lw=="];
  const users = [
    {
      localId: "uid_1",
      email: "a@x.org",
      emailVerified: true,
      passwordHash: hash,
      salt,
      displayName: "Mira_1",
      lastSignedInAt: "1700000000123",
      createdAt: "1600000000000",
      disabled: false,
      customAttributes: '{"vip":true}',
      providerUserInfo: [],
    },
    {
      localId: "uid_2",
      email: "b@x.org",
      emailVerified: false,
      displayName: "Tom, the Second",
      createdAt: "1600000000000",
      disabled: true,
      providerUserInfo: [{ providerId: "google.com" }],
    },
  ];
  const expected = [
    {
      email: "a@x.org",
      username: "Mira_1",
      password_hash: expect.stringMatching(/^\$firescrypt\$ln=14,r=8,p=1\$42xEC\+ixf3L2lw\$/),
      email_verified: true,
      status: "active",
      created_at: new Date(1_600_000_000_000),
      last_login: new Date(1_700_000_000_123),
      metadata: { customAttributes: { vip: true }, imported: { from: "firebase", id: "uid_1" } },
    },
    {
      email: "b@x.org",
      username: expect.stringMatching(/^player_/),
      password_hash: "!",
      status: "suspended",
      last_login: null,
    },
  ];

  it("the firebase preset reads JSON of auth:export", async () => {
    const { report, users: stored } = await imported("firebase", "users.json", JSON.stringify({ users }, null, 2));
    expect(stored).toMatchObject(expected);
    expect(report.leftOut).toEqual({ displayName: 1, providerUserInfo: 1 });
  });

  it("the firebase preset reads CSV of auth:export, which has no header", async () => {
    const row = (...values: string[]) => `${values.join(",")},\n`;
    const none = Array(16).fill("");
    const csv =
      row(
        "uid_1",
        "a@x.org",
        "true",
        hash,
        salt,
        "Mira_1",
        "",
        ...none,
        "1600000000000",
        "1700000000123",
        "",
        "false",
        '"{""vip"":true}"',
      ) +
      row("uid_2", "b@x.org", "false", "", "", '"Tom, the Second"', "", ...none, "1600000000000", "", "", "true", "");
    const { report, users: stored } = await imported("firebase", "users.csv", csv);
    expect(stored).toMatchObject(expected);
    expect(report.leftOut).toEqual({ displayName: 1 });
  });

  it("the firebase preset rejects passwords without hash parameters, and names the remedy", async () => {
    const file = fileOf("users.json", JSON.stringify({ users }));
    const report = await importFile(shared.pool, file, {
      mapping: createFieldMapping({ preset: presetOf("firebase") }),
    });
    expect(report).toMatchObject({ imported: 1, refused: 1 });
    expect(rejectedRowsOf(file)[0]).toMatchObject({
      field: "passwordHash",
      message: expect.stringContaining("--firebase-hash-config"),
    });
    expect(() => parseFirebaseHashParameters("rounds: 8")).toThrow(/base64_signer_key/);
  });
});

it("the cognito preset reads list-users and CSV as accounts without passwords", async () => {
  const attributes = {
    sub: id,
    email: "a@x.org",
    email_verified: "true",
    preferred_username: "Mira_1",
    phone_number: "+41",
  };
  const users = {
    Users: [
      {
        Username: id,
        Attributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
        UserCreateDate: "2023-05-06T07:08:09.123000+02:00",
        UserLastModifiedDate: 1683349689.123,
        Enabled: false,
        UserStatus: "CONFIRMED",
      },
    ],
  };
  const { report, users: stored } = await imported("cognito", "users.json", JSON.stringify(users, null, 4));
  expect(stored).toMatchObject([
    {
      id,
      email: "a@x.org",
      username: "Mira_1",
      password_hash: "!",
      email_verified: true,
      status: "suspended",
      created_at: new Date("2023-05-06T05:08:09.123Z"),
    },
  ]);
  expect(report.leftOut).toEqual({ Username: 1, phone_number: 1 });
  const csv =
    "cognito:username,name,email,email_verified,phone_number,cognito:mfa_enabled,updated_at\nTom_1,Tom,b@x.org,true,,false,\n";
  expect((await imported("cognito", "users.csv", csv)).users[1]).toMatchObject({
    username: "Tom_1",
    email_verified: true,
  });
});

describe("keycloak", () => {
  const [salt, value] = [randomBytes(16), pbkdf2Sync("x", "y", 10, 64, "sha256").toString("base64")];
  const credential = (algorithm: string, hashIterations: number, additionalParameters: object = {}) => ({
    type: "password",
    secretData: JSON.stringify({ value, salt: salt.toString("base64"), additionalParameters: {} }),
    credentialData: JSON.stringify({ hashIterations, algorithm, additionalParameters }),
  });
  const user = (name: string, credentials: object[], more: object = {}) => ({
    id: null,
    createdTimestamp: 1_600_000_000_123,
    username: name,
    enabled: true,
    emailVerified: true,
    email: `${name}@x.org`,
    credentials,
    ...more,
  });

  it("the keycloak preset reads the users of a realm with their password hashes", async () => {
    const realm = {
      realm: "game",
      roles: { realm: [{ name: "admin" }] },
      users: [
        user("abc_1", [{ type: "otp", secretData: "{}" }, credential("pbkdf2-sha256", 27_500)], {
          id,
          attributes: { guild: ["7"] },
          realmRoles: ["admin"],
        }),
        user(
          "abc_2",
          [
            credential("argon2", 5, {
              hashLength: ["32"],
              memory: ["7168"],
              type: ["id"],
              version: ["1.3"],
              parallelism: ["1"],
            }),
          ],
          { enabled: false },
        ),
        user("abc_3", []),
        user("abc_4", [credential("sha512-magic", 1)]),
        user("abc_5", [
          {
            type: "password",
            hashedSaltedValue: value,
            salt: salt.toString("base64"),
            hashIterations: 20_000,
            algorithm: "pbkdf2",
          },
        ]),
      ],
      clients: [],
    };
    const { report, users, refused } = await imported("keycloak", "realm.json", JSON.stringify(realm, null, 2));
    const unpadded = (text: string) => text.replace(/=+$/, "");
    const base = unpadded(salt.toString("base64"));
    expect(users).toMatchObject([
      {
        id,
        username: "abc_1",
        password_hash: `$pbkdf2-sha256$i=27500$${base}$${unpadded(value)}`,
        role: "user",
        metadata: { attributes: { guild: ["7"] } },
        created_at: new Date(1_600_000_000_123),
      },
      {
        username: "abc_2",
        password_hash: `$argon2id$v=19$m=7168,t=5,p=1$${base}$${unpadded(value)}`,
        status: "suspended",
      },
      { username: "abc_3", password_hash: "!" },
      { username: "abc_5", password_hash: `$pbkdf2$i=20000$${base}$${unpadded(value)}` },
    ]);
    expect(report.leftOut).toEqual({ "credentials.otp": 1, realmRoles: 1 });
    expect(refused).toMatchObject([{ field: "passwordHash", message: expect.stringContaining("sha512-magic") }]);
  });
});

it("the supabase preset reads auth.users as CSV", async () => {
  const csv = [
    "instance_id,id,aud,role,email,encrypted_password,email_confirmed_at,last_sign_in_at,raw_app_meta_data,raw_user_meta_data,is_super_admin,created_at,phone,banned_until,deleted_at,is_anonymous",
    `00000000-0000-0000-0000-000000000000,${id},authenticated,authenticated,a@x.org,${bcrypt},2024-01-02 03:04:05.123456+00,2024-02-02 03:04:05.5+00,"{""provider"": ""email""}","{""username"": ""Mira_1""}",,2024-01-01 00:00:00.000001+00,,,,false`,
    `,,authenticated,authenticated,b@x.org,,,,"{""provider"": ""google""}",{},f,2024-01-01 00:00:00+00,+41,2999-01-01 00:00:00+00,2024-03-01 00:00:00+00,f`,
    "",
  ].join("\n");
  const { report, users } = await imported("supabase", "users.csv", csv);
  expect(users).toMatchObject([
    {
      id,
      username: "Mira_1",
      password_hash: bcrypt,
      email_verified: true,
      status: "active",
      last_login: new Date("2024-02-02T03:04:05.5Z"),
      metadata: { raw_user_meta_data: { username: "Mira_1" }, raw_app_meta_data: { provider: "email" } },
    },
    { password_hash: "!", email_verified: false, status: "suspended", deleted_at: new Date("2024-03-01T00:00:00Z") },
  ]);
  expect(report.leftOut).toEqual({ phone: 1 });
});

it("the django preset reads dumpdata, and the table as CSV", async () => {
  const hash = `pbkdf2_sha256$870000$Xs3Pq8kTzV0bY1cDeF2gHi$${randomBytes(32).toString("base64")}`;
  const dump = [
    {
      model: "auth.user",
      pk: 1,
      fields: {
        password: hash,
        last_login: null,
        is_superuser: true,
        username: "Mira_1",
        first_name: "Mira",
        last_name: "",
        email: "a@x.org",
        is_staff: true,
        is_active: true,
        date_joined: "2024-01-02T03:04:05.123Z",
        groups: [],
        user_permissions: [],
      },
    },
    { model: "auth.group", pk: 1, fields: { name: "x" } },
    {
      model: "auth.user",
      pk: 2,
      fields: {
        password: "!mVJPvFYwkFHx5vPxyNCtPKMSo1tFJVYL",
        username: "tom@home",
        email: "b@x.org",
        is_active: false,
        date_joined: "2024-01-02T03:04:05Z",
      },
    },
  ];
  const { report, users, refused } = await imported("django", "dump.json", JSON.stringify(dump));
  expect(users).toMatchObject([
    {
      username: "Mira_1",
      password_hash: hash,
      role: "user",
      status: "active",
      created_at: new Date("2024-01-02T03:04:05.123Z"),
      metadata: { imported: { from: "django", id: "1" } },
    },
    { username: expect.stringMatching(/^player_/), password_hash: "!", status: "suspended" },
  ]);
  expect(report.leftOut).toEqual({ first_name: 1, is_staff: 1, is_superuser: 1, username: 1 });
  expect(refused).toMatchObject([{ message: expect.stringContaining("auth.group") }]);
  const csv = `id,password,last_login,is_superuser,username,first_name,last_name,email,is_staff,is_active,date_joined\n7,${hash},2024-01-02 03:04:05.123456+00,f,Zoe_1,,,c@x.org,f,t,2023-01-02 03:04:05\n`;
  expect((await imported("django", "auth_user.csv", csv)).users[2]).toMatchObject({
    username: "Zoe_1",
    status: "active",
    created_at: new Date("2023-01-02T03:04:05Z"),
  });
});

it("the wordpress preset reads wp_users as CSV", async () => {
  const csv = [
    "ID;user_login;user_pass;user_nicename;user_email;user_url;user_registered;user_activation_key;user_status;display_name",
    `1;Mira_1;$P$B${"x".repeat(30)};mira;a@x.org;https://x;2019-01-02 03:04:05;;0;Mira`,
    `2;tom smith;$wp$2y$10$${"a".repeat(53)};tom-smith;b@x.org;;0000-00-00 00:00:00;;0;Tom`,
    "3;old;5f4dcc3b5aa765d61d8327deb882cf99;old;c@x.org;;2009-01-02 03:04:05;;0;Old",
    "",
  ].join("\n");
  const { report, users, refused } = await imported("wordpress", "wp_users.csv", csv);
  expect(users).toMatchObject([
    { username: "Mira_1", password_hash: `$P$B${"x".repeat(30)}`, created_at: new Date("2019-01-02T03:04:05Z") },
    { username: "tom-smith", password_hash: `$wp$2y$10$${"a".repeat(53)}` },
  ]);
  expect(report.leftOut).toEqual({ display_name: 3, user_login: 1, user_nicename: 2, user_url: 1 });
  expect(refused).toMatchObject([{ field: "passwordHash", message: expect.stringContaining("MD5") }]);
});

it("a preset refuses a file of another system, and --map takes precedence over a preset", async () => {
  await expect(imported("django", "users.csv", "mail,login\n")).rejects.toThrow(
    /no column of django, which has id, email, username/,
  );
  const file = fileOf(
    "wp.csv",
    `ID,user_login,user_pass,user_email,score\n1,Mira_1,$P$B${"x".repeat(30)},a@x.org,"{""a"":1.0}"\n`,
  );
  const mapping = createFieldMapping({ preset: presetOf("wordpress"), columns: { score: "metadata", user_pass: "" } });
  expect(await importFile(shared.pool, file, { mapping })).toMatchObject({ imported: 1, leftOut: { user_pass: 1 } });
  expect(await shared.database.sql`select password_hash, metadata::text from users`).toEqual([
    { password_hash: "!", metadata: '{"a": 1.0}' },
  ]);
});
