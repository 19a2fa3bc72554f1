import { pbkdf2Sync, randomBytes, scryptSync } from "node:crypto";
import { argon2d, argon2i, argon2id, bcrypt } from "hash-wasm";
import { describe, expect, it, onTestFinished } from "vitest";
import { isPasswordHash } from "../../src/repositories/password-hash.ts";
import { createDatabase } from "../support/database.ts";

const password = "correct horse battery staple";
const salt = randomBytes(16);
const base64 = (bytes: Buffer) => bytes.toString("base64");
const bare = (bytes: Buffer) => base64(bytes).replace(/=+$/, "");
/** passlib's alphabet: `.` for `+`, nothing at the end. */
const adapted = (bytes: Buffer) => bare(bytes).replaceAll("+", ".");

/** Hashes as the programs write that are named; made here, or from the programs' own documentation. */
const real: Record<string, string> = {
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
  "argon2 of before its version was written":
    "$argon2i$m=65536,t=2,p=4$c29tZXNhbHQAAAAAAAAAAA$QWLzI4TY9HkL2ZTLc8g6SinwdhZewYrzz9zxCo0bkGY",
  "passlib argon2": "$argon2i$v=19$m=512,t=2,p=2$aI2R0hpDyLm3ltLa+1/rvQ$LqPKjd6n8yniKtAithoR7A",
  "Django argon2": `argon2${await argon2id({ password, salt: base64(salt), parallelism: 8, iterations: 2, memorySize: 1024, hashLength: 32, outputType: "encoded" })}`,

  "crypt bcrypt": await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" }),
  "PHP bcrypt": (await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" })).replace("$2a$", "$2y$"),
  "Django bcrypt": `bcrypt$${await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" })}`,
  "Django bcrypt_sha256": `bcrypt_sha256$${await bcrypt({ password, salt, costFactor: 4, outputType: "encoded" })}`,
  "passlib bcrypt_sha256": "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
  "passlib bcrypt_sha256 before 1.7.3": "$bcrypt-sha256$2a,12$LrmaIX5x4TRtAwEfwJZa1.$2ehnw6LvuIUTM0iz4iz9hTxv21B6KFO",

  "PHC scrypt": `$scrypt$ln=12,r=8,p=1$${bare(salt)}$${bare(scryptSync(password, salt, 32, { N: 4096 }))}`,
  "passlib scrypt": "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
  "Werkzeug scrypt": `scrypt:32768:8:1$Xs3Pq8kTzV0bY1cD$${scryptSync(password, "Xs3Pq8kTzV0bY1cD", 64).toString("hex")}`,
  "Django scrypt": `scrypt$16384$Xs3Pq8kTzV0bY1cDeF2gHi$8$5$${base64(scryptSync(password, "Xs3Pq8kTzV0bY1cDeF2gHi", 64, { p: 5, maxmem: 2 ** 28 }))}`,
  // perl -e 'print crypt("correct horse", "\$7\$CU..../....SodiumChloride")'
  "crypt scrypt": "$7$CU..../....SodiumChloride$Yw7JGvjxkSv2Fvi7sJpBeLiTTtUGxnbZZs6HOj7nC3/",
  "Java scrypt": `$s0$e0801$${base64(salt)}$${base64(scryptSync(password, salt, 32, { N: 16384 }))}`,

  "PHC pbkdf2": `$pbkdf2-sha512$i=25000,l=64$${bare(salt)}$${bare(pbkdf2Sync(password, salt, 1000, 64, "sha512"))}`,
  "passlib pbkdf2_sha1": `$pbkdf2$1212$${adapted(salt)}$${adapted(pbkdf2Sync(password, salt, 1212, 20, "sha1"))}`,
  "passlib pbkdf2_sha256": "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
  "passlib cta_pbkdf2_sha1": "$p5k2$2710$oX9ZZOcNgYoAsYL-8bqxKg==$AU2JLf2rNxWoZxWxRCluY0u6h6c=",
  "passlib dlitz_pbkdf2_sha1": "$p5k2$2710$.pPqsEwHD7MiECU0$b8TQ5AMQemtlaSgegw5Je.JBE3QQhLbO",
  "Django pbkdf2_sha256": `pbkdf2_sha256$870000$Xs3Pq8kTzV0bY1cDeF2gHi$${base64(pbkdf2Sync(password, "Xs3Pq8kTzV0bY1cDeF2gHi", 1000, 32, "sha256"))}`,
  "Django pbkdf2_sha1": `pbkdf2_sha1$10000$seasalt$${base64(pbkdf2Sync(password, "seasalt", 1000, 20, "sha1"))}`,
  "Werkzeug pbkdf2": `pbkdf2:sha256:1000000$Xs3Pq8kTzV0bY1cD$${pbkdf2Sync(password, "Xs3Pq8kTzV0bY1cD", 1000, 32, "sha256").toString("hex")}`,
};

describe("isPasswordHash", () => {
  it.each(Object.entries(real))("takes %s", (_, hash) => {
    expect(isPasswordHash(hash), hash).toBe(true);
  });

  it.each(Object.entries(real))("refuses %s with something before or behind it, or a piece cut out", (_, hash) => {
    for (const spoiled of [
      ` ${hash}`,
      `${hash}\n`,
      `${hash}$`,
      `x${hash}`,
      hash.slice(1),
      hash.replace(/\$[^$]*$/, "$"),
    ]) {
      expect(isPasswordHash(spoiled), spoiled).toBe(false);
    }
  });

  it.each([
    ["a password", "hunter2"],
    ["a password that begins like a hash", "$argon2id$hunter2hunter2"],
    ["nothing", ""],
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
    ["argon2 of a version that there is none", real["PHC argon2id"]?.replace("v=19", "v=20")],
  ])("refuses %s", (_, text) => {
    expect(isPasswordHash(text ?? "")).toBe(false);
  });

  it.each([
    ["argon2's memory", real["passlib argon2"], "m=512", "m=1048577"],
    ["argon2's memory times its passes", real["passlib argon2"], "m=512,t=2", "m=1048576,t=5"],
    ["argon2's lanes", real["passlib argon2"], "p=2", "p=65"],
    ["bcrypt's cost", real["crypt bcrypt"], "$04$", "$19$"],
    ["bcrypt's cost, too little", real["crypt bcrypt"], "$04$", "$03$"],
    ["passlib's bcrypt's cost", real["passlib bcrypt_sha256"], "r=12", "r=19"],
    ["scrypt's n", real["PHC scrypt"], "ln=12", "ln=21"],
    ["scrypt's memory", real["PHC scrypt"], "ln=12,r=8", "ln=20,r=16"],
    ["scrypt's time", real["PHC scrypt"], "ln=12,r=8,p=1", "ln=20,r=8,p=5"],
    ["scrypt's n, no power of two", real["Django scrypt"], "$16384$", "$16385$"],
    ["crypt's scrypt's n", real["crypt scrypt"], "$7$C", "$7$J"],
    ["Java's scrypt's n", real["Java scrypt"], "$e0801$", "$150801$"],
    ["PBKDF2's rounds", real["passlib pbkdf2_sha256"], "$6400$", "$10000001$"],
    ["PBKDF2's rounds, none", real["passlib pbkdf2_sha256"], "$6400$", "$0$"],
    ["PBKDF2's rounds in hexadecimal", real["passlib cta_pbkdf2_sha1"], "$2710$", "$989681$"],
  ])("refuses what costs too much to check, or nothing: %s", (_, hash = "", cost, other) => {
    expect(hash).toContain(cost);
    expect(isPasswordHash(hash.replace(cost, other))).toBe(false);
  });

  it("takes nothing that the table does not take, too", async () => {
    const { sql, drop } = await createDatabase();
    onTestFinished(drop);
    for (const [index, hash] of Object.values(real).entries()) {
      await sql`insert into users (email, username, password_hash) values (${`${index}@example.com`}, ${`user_${index}`}, ${hash})`;
    }
    expect(await sql`select from users`).toHaveLength(Object.keys(real).length);
  });
});
