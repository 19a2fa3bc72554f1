import { pbkdf2Sync, randomBytes, scryptSync } from "node:crypto";
import { argon2d, argon2i, argon2id, bcrypt } from "hash-wasm";
import { describe, expect, it, onTestFinished } from "vitest";
import { isPasswordHash } from "../../src/validation/password-hash/formats.ts";
import { noPassword, passwordHash } from "../../src/validation/password-hash/password-hash.ts";
import { createDatabase } from "../support/database.ts";

const password = "correct horse battery staple";
const salt = randomBytes(16);
const base64 = (bytes: Buffer) => bytes.toString("base64");
const unpadded = (bytes: Buffer) => base64(bytes).replace(/=+$/, "");
/** Base64 of passlib: `.` for `+`, without padding. */
const passlibBase64 = (bytes: Buffer) => unpadded(bytes).replaceAll("+", ".");

/** Hashes in the format of each program, computed here or taken from its documentation. */
const hashes: Record<string, string> = {
  "PHC argon2id": await argon2id({
    password,
    salt,
    parallelism: 1,
    iterations: 2,
    memorySize: 64,
    hashLength: 32,
    outputType: "encoded",
  }),
  "PHC argon2i": await argon2i({
    password,
    salt,
    parallelism: 2,
    iterations: 3,
    memorySize: 64,
    hashLength: 16,
    outputType: "encoded",
  }),
  "PHC argon2d": await argon2d({
    password,
    salt,
    parallelism: 1,
    iterations: 1,
    memorySize: 64,
    hashLength: 32,
    outputType: "encoded",
  }),
  "argon2 without a version":
    "$argon2i$m=65536,t=2,p=4$c29tZXNhbHQAAAAAAAAAAA$QWLzI4TY9HkL2ZTLc8g6SinwdhZewYrzz9zxCo0bkGY",
  "passlib argon2": "$argon2i$v=19$m=512,t=2,p=2$aI2R0hpDyLm3ltLa+1/rvQ$LqPKjd6n8yniKtAithoR7A",
  "Django argon2": `argon2${await argon2id({ password, salt: base64(salt), parallelism: 8, iterations: 2, memorySize: 1024, hashLength: 32, outputType: "encoded" })}`,

  "crypt bcrypt": await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" }),
  "PHP bcrypt": (await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" })).replace("$2a$", "$2y$"),
  "Django bcrypt": `bcrypt$${await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" })}`,
  "Django bcrypt_sha256": `bcrypt_sha256$${await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" })}`,
  "passlib bcrypt_sha256": "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
  "passlib bcrypt_sha256 before 1.7.3": "$bcrypt-sha256$2a,12$LrmaIX5x4TRtAwEfwJZa1.$2ehnw6LvuIUTM0iz4iz9hTxv21B6KFO",

  "PHC scrypt": `$scrypt$ln=12,r=8,p=1$${unpadded(salt)}$${unpadded(scryptSync(password, salt, 32, { N: 4096 }))}`,
  "passlib scrypt": "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
  "Werkzeug scrypt": `scrypt:32768:8:1$Xs3Pq8kTzV0bY1cD$${scryptSync(password, "Xs3Pq8kTzV0bY1cD", 64).toString("hex")}`,
  "Django scrypt": `scrypt$16384$Xs3Pq8kTzV0bY1cDeF2gHi$8$5$${base64(scryptSync(password, "Xs3Pq8kTzV0bY1cDeF2gHi", 64, { p: 5, maxmem: 2 ** 28 }))}`,
  // perl -e 'print crypt("correct horse", "\$7\$CU..../....SodiumChloride")'
  "crypt scrypt": "$7$CU..../....SodiumChloride$Yw7JGvjxkSv2Fvi7sJpBeLiTTtUGxnbZZs6HOj7nC3/",
  "Java scrypt": `$s0$e0801$${base64(salt)}$${base64(scryptSync(password, salt, 32, { N: 16384 }))}`,

  "PHC pbkdf2": `$pbkdf2-sha512$i=25000,l=64$${unpadded(salt)}$${unpadded(pbkdf2Sync(password, salt, 1000, 64, "sha512"))}`,
  "passlib pbkdf2_sha1": `$pbkdf2$1212$${passlibBase64(salt)}$${passlibBase64(pbkdf2Sync(password, salt, 1212, 20, "sha1"))}`,
  "passlib pbkdf2_sha256": "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
  "passlib cta_pbkdf2_sha1": "$p5k2$2710$oX9ZZOcNgYoAsYL-8bqxKg==$AU2JLf2rNxWoZxWxRCluY0u6h6c=",
  "passlib dlitz_pbkdf2_sha1": "$p5k2$2710$.pPqsEwHD7MiECU0$b8TQ5AMQemtlaSgegw5Je.JBE3QQhLbO",
  "Django pbkdf2_sha256": `pbkdf2_sha256$870000$Xs3Pq8kTzV0bY1cDeF2gHi$${base64(pbkdf2Sync(password, "Xs3Pq8kTzV0bY1cDeF2gHi", 1000, 32, "sha256"))}`,
  "Django pbkdf2_sha1": `pbkdf2_sha1$10000$seasalt$${base64(pbkdf2Sync(password, "seasalt", 1000, 20, "sha1"))}`,
  "Werkzeug pbkdf2": `pbkdf2:sha256:1000000$Xs3Pq8kTzV0bY1cD$${pbkdf2Sync(password, "Xs3Pq8kTzV0bY1cD", 1000, 32, "sha256").toString("hex")}`,

  // From the test of phpass, and with the prefix of phpBB.
  phpass: "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0",
  "phpass of phpBB": "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0",
  "WordPress 6.8": `$wp${(await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" })).replace("$2a$", "$2y$")}`,
  "Firebase scrypt of Ory": `$firescrypt$ln=14,r=8,p=1$${base64(salt)}$${base64(randomBytes(64))}$Bw==$${base64(randomBytes(64))}`,
  "Firebase scrypt of Supabase": `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=${base64(randomBytes(64))}$${base64(salt)}$${base64(randomBytes(64))}`,
  "ASP.NET Identity 3": `$aspnet-identity$${base64(aspNet3())}`,
  "ASP.NET Identity 2": `$aspnet-identity$${base64(Buffer.concat([Buffer.of(0), salt, pbkdf2Sync(password, salt, 1000, 32, "sha1")]))}`,
};

/** HMAC-SHA-512, 100,000 iterations and 16 bytes of salt, as in .NET 7 and later. */
function aspNet3(iterations = 100_000): Buffer {
  const head = Buffer.alloc(13);
  head[0] = 1;
  for (const [at, number] of [2, iterations, salt.length].entries()) head.writeUInt32BE(number, 1 + at * 4);
  return Buffer.concat([head, salt, pbkdf2Sync(password, salt, 1000, 32, "sha512")]);
}

describe("isPasswordHash", () => {
  it.each(Object.entries(hashes))("isPasswordHash accepts %s", (_, hash) => {
    expect(isPasswordHash(hash), hash).toBe(true);
  });

  it.each(Object.entries(hashes))("isPasswordHash refuses %s with added or missing characters", (_, hash) => {
    for (const changed of [
      ` ${hash}`,
      `${hash}\n`,
      `${hash}$`,
      `x${hash}`,
      hash.slice(1),
      hash.replace(/\$[^$]*$/, "$"),
    ]) {
      expect(isPasswordHash(changed), changed).toBe(false);
    }
  });

  it.each([
    ["a password", "hunter2"],
    ["a password that begins like a hash", "$argon2id$hunter2hunter2"],
    ["an empty text", ""],
    ["Django's unusable password", "!mVJPvFYwkFHx5vPxyNCtPKMSo1tFJVYL"],
    ["Django's MD5", "md5$seasalt$f5531bef9f3687d0ccf0f617f0e25573"],
    ["MD5", "5f4dcc3b5aa765d61d8327deb882cf99"],
    ["crypt's MD5", "$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81"],
    [
      "SHA-512 crypt",
      "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0",
    ],
    ["yescrypt", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79"],
    ["an LDAP SHA-1", "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr"],
    ["argon2 of an unknown version", hashes["PHC argon2id"]?.replace("v=19", "v=20")],
  ])("isPasswordHash refuses %s", (_, text) => {
    expect(isPasswordHash(text ?? "")).toBe(false);
  });

  it.each([
    ["argon2's memory", hashes["passlib argon2"], "m=512", "m=262145"],
    ["argon2's memory times its passes", hashes["passlib argon2"], "m=512,t=2", "m=262144,t=5"],
    ["argon2's lanes", hashes["passlib argon2"], "p=2", "p=65"],
    ["argon2's memory for each lane", hashes["passlib argon2"], "m=512,t=2,p=2", "m=15,t=2,p=2"],
    ["bcrypt's cost", hashes["crypt bcrypt"], "$04$", "$15$"],
    ["bcrypt's cost, too little", hashes["crypt bcrypt"], "$04$", "$03$"],
    ["passlib's bcrypt's cost", hashes["passlib bcrypt_sha256"], "r=12", "r=15"],
    ["scrypt's n", hashes["PHC scrypt"], "ln=12", "ln=18"],
    ["scrypt's block size", hashes["PHC scrypt"], "ln=12,r=8", "ln=17,r=9"],
    ["scrypt's parallelism", hashes["PHC scrypt"], "ln=12,r=8,p=1", "ln=17,r=8,p=2"],
    ["scrypt's n for its block size", hashes["PHC scrypt"], "ln=12,r=8", "ln=16,r=1"],
    ["scrypt's n, no power of two", hashes["Django scrypt"], "$16384$", "$16385$"],
    ["crypt's scrypt's n", hashes["crypt scrypt"], "$7$C", "$7$G"],
    ["Java's scrypt's n", hashes["Java scrypt"], "$e0801$", "$150801$"],
    ["PBKDF2's rounds", hashes["passlib pbkdf2_sha256"], "$6400$", "$4000001$"],
    ["PBKDF2's rounds, none", hashes["passlib pbkdf2_sha256"], "$6400$", "$0$"],
    ["PBKDF2's rounds in hexadecimal", hashes["passlib cta_pbkdf2_sha1"], "$2710$", "$3d0901$"],
  ])("isPasswordHash refuses a cost out of range: %s", (_, hash = "", cost, other) => {
    expect(hash).toContain(cost);
    expect(isPasswordHash(hash.replace(cost, other))).toBe(false);
  });

  it("isPasswordHash counts the iterations of PBKDF2 for each block of the digest", () => {
    const hash = (name: string, { iterations, bytes }: { iterations: number; bytes: number }) =>
      `$pbkdf2-${name}$i=${iterations}$${unpadded(salt)}$${unpadded(Buffer.alloc(bytes))}`;
    expect(isPasswordHash(hash("sha256", { iterations: 4_000_000, bytes: 32 }))).toBe(true);
    expect(isPasswordHash(hash("sha256", { iterations: 4_000_000, bytes: 33 }))).toBe(false);
    expect(isPasswordHash(hash("sha256", { iterations: 2_000_000, bytes: 64 }))).toBe(true);
    // The default of Keycloak 24.
    expect(isPasswordHash(hash("sha1", { iterations: 1_300_000, bytes: 64 }))).toBe(true);
    expect(isPasswordHash(hash("sha1", { iterations: 4_000_000, bytes: 41 }))).toBe(false);
  });

  it("isPasswordHash refuses an Argon2 salt of fewer than 8 bytes", () => {
    const withSalt = (bytes: number) =>
      hashes["PHC argon2id"]?.replace(unpadded(salt), unpadded(salt.subarray(0, bytes))) ?? "";
    expect([8, 7].map((bytes) => isPasswordHash(withSalt(bytes)))).toEqual([true, false]);
  });

  it("isPasswordHash refuses a cost out of range of ASP.NET's PBKDF2 and of phpass", () => {
    expect(isPasswordHash(`$aspnet-identity$${base64(aspNet3(4_000_001))}`)).toBe(false);
    expect(isPasswordHash(`$aspnet-identity$${base64(aspNet3(0))}`)).toBe(false);
    expect(isPasswordHash("$P$HIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0")).toBe(false);
  });

  it.each([
    ["argon2", hashes["passlib argon2"], "m=512,t=2", "m=262144,t=4"],
    ["bcrypt", hashes["crypt bcrypt"], "$04$", "$14$"],
    ["scrypt", hashes["PHC scrypt"], "ln=12,r=8,p=1", "ln=17,r=8,p=1"],
    ["PBKDF2", hashes["passlib pbkdf2_sha256"], "$6400$", "$4000000$"],
  ])("isPasswordHash accepts the largest cost of %s", (_, hash = "", cost, largest) => {
    expect(hash).toContain(cost);
    expect(isPasswordHash(hash.replace(cost, largest))).toBe(true);
  });

  it("the table accepts every hash that isPasswordHash accepts", async () => {
    const { sql, drop } = await createDatabase();
    onTestFinished(drop);
    for (const [index, hash] of Object.values(hashes).entries()) {
      await sql`insert into users (email, username, password_hash) values (${`${index}@example.com`}, ${`user_${index}`}, ${hash})`;
    }
    expect(await sql`select from users`).toHaveLength(Object.keys(hashes).length);
  });
});

describe("passwordHash", () => {
  const parsed = (hash: string) => passwordHash.parse(hash);
  const messageOf = (hash: string) => passwordHash.safeParse(hash).error?.issues[0]?.message;

  it("passwordHash returns an accepted hash unchanged", () => {
    for (const hash of [...Object.values(hashes), noPassword]) expect(parsed(hash)).toBe(hash);
  });

  it("passwordHash removes a scheme in front of a hash", () => {
    const [crypt = "", argon2 = "", java = ""] = [
      hashes["crypt bcrypt"],
      hashes["PHC argon2id"],
      hashes["Java scrypt"],
    ];
    for (const scheme of ["{bcrypt}", "{BCRYPT}", "{CRYPT}", "{crypt}", "{BLF-CRYPT}"])
      expect(parsed(scheme + crypt)).toBe(crypt);
    for (const scheme of ["{ARGON2}", "{ARGON2ID}", "{ARGON2I}", "{argon2}", "{argon2@SpringSecurity_v5_8}"])
      expect(parsed(scheme + argon2)).toBe(argon2);
    expect(parsed(`{scrypt}${java.replace("$s0$", "$")}`)).toBe(java);
  });

  it("passwordHash adds a prefix to a hash of ASP.NET", () => {
    for (const version of ["ASP.NET Identity 2", "ASP.NET Identity 3"])
      expect(parsed(hashes[version]?.replace("$aspnet-identity$", "") ?? "")).toBe(hashes[version]);
  });

  it.each([
    ["$2b$15$/WTKEtN9LpcT6dJC7hgNZuyhjkBN3vRJrZ5VCiEi1o5U.YRTGjXG2", "bcrypt with a cost below 4 or above 14"],
    ["$pbkdf2-sha256$4000001$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "PBKDF2 with no iterations or more than 4,000,000"],
    ["$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81", "MD5-crypt"],
    [
      "{CRYPT}$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0",
      "SHA-512-crypt",
    ],
    ["$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79", "yescrypt"],
    ["{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr", "LDAP"],
    ["{SSHA512}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr", "LDAP"],
    ["{SHA}0c0blFTXXNuAMHECS4uxrj3ZieM=", "LDAP"],
    [
      "{SHA512-CRYPT}$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2",
      "SHA-512-crypt",
    ],
    ["{PLAIN}hunter2", "LDAP"],
    ["$S$DugG4yZmhfIGhNJJZMzKzh4MzOCkpsPBR9HtDIvqQeIyqLM6wyuM", "Drupal"],
    ["5f4dcc3b5aa765d61d8327deb882cf99:aBcD1234", "a salted MD5"],
    ["{noop}hunter2", "Spring Security"],
    [
      "{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc",
      "PBKDF2 without its parameters",
    ],
    ["sha1$seasalt$f5531bef9f3687d0ccf0f617f0e25573", "Django"],
    ["5f4dcc3b5aa765d61d8327deb882cf99", "MD5 or SHA"],
    ["*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "MySQL"],
  ])("passwordHash refuses %s with its format and the remedy, and does not repeat it", (hash, name) => {
    expect(messageOf(hash)).toContain(name);
    expect(messageOf(hash)).toContain("use ! in its place");
    expect(messageOf(hash)).not.toContain("hunter2");
  });
});
