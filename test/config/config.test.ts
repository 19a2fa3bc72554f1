import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadConfig, loadDatabaseConfig } from "../../src/config/config.ts";
import { configVariables } from "../../src/config/environment.ts";
import { ConfigError } from "../../src/config/errors.ts";
import { fileOf } from "../support/import.ts";
import { auditSigningKey } from "../support/service.ts";

const secret = "x".repeat(32);
const encryptionKeys = `a:${Buffer.alloc(32).toString("base64")}`;

function faults(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe("the configuration", () => {
  it("the configuration needs no variable in development, and is immutable", () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      environment: "development",
      dataDirectory: ".data",
      http: { host: "127.0.0.1", port: 3000, corsOrigins: [] },
      database: { url: undefined, poolMin: 2, poolMax: 10, ssl: "disable", slowQuery: 1000 },
    });
    expect(() => Object.assign(config.database, { poolMax: 1000 })).toThrow();
  });

  it("an empty variable counts as not set", () => {
    expect(loadConfig({ PORT: "", DATABASE_URL: "" })).toEqual(loadConfig({}));
  });

  it("the configuration reports every fault at once, by name and never by value", () => {
    const env = {
      NODE_ENV: "staging-hunter2",
      PORT: "70000",
      DATABASE_URL: "mysql://root:hunter2@db/x",
      DATABASE_POOL_MIN: "hunter2",
      DATABASE_SSL: "hunter2",
      JWT_SECRET: "hunter2",
      ENCRYPTION_KEYS: "hunter2",
      AUDIT_SIGNING_KEY: "PRIVATE+KEY+hunter2",
      AUDIT_ORIGIN: "hunter2 hunter2",
      CORS_ORIGINS: "https://game.example,hunter2",
    };
    const found = faults(env);
    expect(found.map((fault) => fault.split(" ")[0]).sort()).toEqual(Object.keys(env).sort());
    expect(found.join()).not.toContain("hunter2");
  });

  it("a fault of a variable hides none of the rules that concern others, and is reported once", () => {
    const env = {
      NODE_ENV: "production",
      DATABASE_URL: "mysql://db/x",
      DATABASE_CA_FILE: "ca.pem",
      AUDIT_SIGNING_KEY: "PRIVATE+KEY+",
      AUDIT_TAILS: "-1",
    };
    expect(faults(env).map((fault) => fault.split(" ").slice(0, 4).join(" "))).toEqual([
      "DATABASE_URL must be a",
      "AUDIT_TAILS must be a",
      "AUDIT_SIGNING_KEY must be a",
      "JWT_SECRET must be set",
      "ENCRYPTION_KEYS must be set",
    ]);
  });

  it("the fault of a number names its range", () => {
    for (const value of ["-1", "0", "100001", "1.5", "1e3", "many"])
      expect(faults({ AUDIT_TAILS: value })).toEqual(["AUDIT_TAILS must be a whole number from 1 to 100000"]);
    expect(loadConfig({ AUDIT_TAILS: "1" }).audit.tails).toBe(1);
    expect(loadConfig({ AUDIT_TAILS: "100000" }).audit.tails).toBe(100_000);
  });

  it("an entry of a list of secrets that is there twice is refused", () => {
    expect(faults({ AUDIT_SIGNING_KEY: `${auditSigningKey}, ${auditSigningKey}` })).toEqual([
      "AUDIT_SIGNING_KEY must not have the same key twice",
    ]);
    expect(faults({ JWT_SECRET: `${secret},${secret}` })).toEqual(["JWT_SECRET must not have the same secret twice"]);
    expect(faults({ ENCRYPTION_KEYS: `${encryptionKeys},${encryptionKeys.replace("a:", "b:")}` })).toEqual([
      "ENCRYPTION_KEYS must not have two entries with the same key",
    ]);
  });

  it("a password with characters that end it in a URL is refused, and is never read as a host or a database", () => {
    for (const url of [
      "postgres://u:12/hunter2@db/x",
      "postgres://u:/hunter2@db/x",
      "postgres://u:hunter2%@db/x",
      "postgres://u:12/x?hunter2@db/x",
      "postgres://u:12/x#hunter2@db/x",
    ]) {
      expect(faults({ DATABASE_URL: url }).join()).toMatch(/^DATABASE_URL (?!.*hunter2)/);
    }
  });

  it("an unknown mode of TLS is refused and does not turn TLS off", () => {
    for (const search of ["sslmode=VERIFY-FULL", "sslmode=prefer", "ssl=require"]) {
      expect(faults({ DATABASE_URL: `postgres://db/x?${search}` }), search).toEqual([
        expect.stringContaining("sslmode"),
      ]);
    }
    const verified = { DATABASE_URL: "postgres://db/x?sslmode=verify-full", DATABASE_CA_FILE: "ca.pem" };
    expect(loadConfig(verified).database).toMatchObject({ ssl: "verify-full", caFile: "ca.pem" });
  });

  it("a minimum above the maximum, and a certificate authority that is not used, are refused", () => {
    expect(faults({ DATABASE_POOL_MIN: "11" })).toEqual([expect.stringContaining("DATABASE_POOL_MIN")]);
    expect(faults({ DATABASE_CA_FILE: "ca.pem" })).toEqual([expect.stringContaining("DATABASE_CA_FILE")]);
  });
});

describe("in production", () => {
  const production = {
    NODE_ENV: "production",
    JWT_SECRET: secret,
    ENCRYPTION_KEYS: encryptionKeys,
    AUDIT_SIGNING_KEY: auditSigningKey,
  };

  it("a database is required in production, and the error is one sentence", () => {
    expect(faults(production)).toEqual([
      "DATABASE_URL must be set in production: the embedded server is for development",
    ]);
  });

  it("a secret is required in production", () => {
    const env = { ...production, DATABASE_URL: "postgres://db@localhost/db" };
    for (const name of ["JWT_SECRET", "ENCRYPTION_KEYS", "AUDIT_SIGNING_KEY"])
      expect(faults({ ...env, [name]: "" })).toEqual([expect.stringContaining(`${name} must be set in production`)]);
    // The command is complete: without --origin it asks for one.
    expect(faults({ ...env, AUDIT_SIGNING_KEY: "" }).join()).toContain("audit key new --origin game.example/accounts");
  });

  it("keys of the audit trail have one origin, which is AUDIT_ORIGIN", () => {
    const other = auditSigningKey.replace("test.example/log", "other.example/log");
    const second = auditSigningKey.replace("5ba2a3aa", "00000000");
    expect(faults({ AUDIT_SIGNING_KEY: `${auditSigningKey}, ${second}` })).toEqual([]);
    expect(faults({ AUDIT_SIGNING_KEY: `${auditSigningKey},${other}` })).toEqual([
      expect.stringContaining("one origin"),
    ]);
    expect(faults({ AUDIT_SIGNING_KEY: auditSigningKey, AUDIT_ORIGIN: "test.example/log" })).toEqual([]);
    expect(faults({ AUDIT_SIGNING_KEY: auditSigningKey, AUDIT_ORIGIN: "other.example/log" })).toEqual([
      "AUDIT_SIGNING_KEY has a key of test.example/log, and not of AUDIT_ORIGIN",
    ]);
  });

  it("in production, an unencrypted connection to another host is refused unless it is requested", () => {
    const url = "postgres://db@db.example/db";
    expect(faults({ ...production, DATABASE_URL: url })).toEqual([expect.stringContaining("DATABASE_SSL")]);
    for (const ssl of ["disable", "require", "verify-full"] as const) {
      expect(loadConfig({ ...production, DATABASE_URL: url, DATABASE_SSL: ssl }).database.ssl).toBe(ssl);
    }
    expect(loadConfig({ ...production, DATABASE_URL: `${url}?sslmode=require` }).database.ssl).toBe("require");
    expect(loadConfig({ ...production, DATABASE_URL: "postgres://db@127.0.0.1/db" }).database.ssl).toBe("disable");
  });

  it("in production, the pool is larger and the log level is higher", () => {
    const config = loadConfig({ ...production, DATABASE_URL: "postgres://db@localhost/db" });
    expect(config.database.poolMax).toBe(20);
    expect(config.logLevel).toBe("info");
  });
});

describe("a secret in a file", () => {
  const values = {
    DATABASE_URL: "postgres://db.example/game",
    JWT_SECRET: secret,
    ENCRYPTION_KEYS: encryptionKeys,
    AUDIT_SIGNING_KEY: auditSigningKey,
  };

  it.each(Object.entries(values))("%s can come from the file that its _FILE variable names", (name, value) => {
    const file = fileOf("secret", `${value}\n`);
    expect(loadConfig({ [`${name}_FILE`]: file })).toEqual(loadConfig({ [name]: value }));
  });

  it("secrets of files meet the rules of production", () => {
    const files = Object.entries(values).map(([name, value]) => [`${name}_FILE`, fileOf("secret", value)]);
    const env = { NODE_ENV: "production", DATABASE_SSL: "require" };
    expect(faults({ ...env, ...Object.fromEntries(files) })).toEqual([]);
    expect(loadDatabaseConfig({ ...env, ...Object.fromEntries(files) }).database.url).toBe(values.DATABASE_URL);
  });

  it("a file that gives no secret is reported by the name of its variable, once, and without its text", () => {
    const file = fileOf("secret", "hunter2");
    expect(
      faults({
        NODE_ENV: "production",
        DATABASE_SSL: "require",
        DATABASE_URL: values.DATABASE_URL,
        DATABASE_URL_FILE: file,
        JWT_SECRET_FILE: "/missing/hunter2",
        ENCRYPTION_KEYS_FILE: fileOf("empty", "\n"),
        AUDIT_SIGNING_KEY_FILE: file,
      }),
    ).toEqual([
      "DATABASE_URL_FILE and DATABASE_URL are both set: set one of them",
      "JWT_SECRET_FILE names a file that cannot be read (ENOENT)",
      "ENCRYPTION_KEYS_FILE names an empty file",
      expect.stringMatching(/^AUDIT_SIGNING_KEY must be a key(?!.*hunter2)/),
    ]);
  });

  it("commands that need no secret do not read its file", () => {
    const missing = {
      JWT_SECRET_FILE: "/missing",
      ENCRYPTION_KEYS_FILE: "/missing",
      AUDIT_SIGNING_KEY_FILE: "/missing",
    };
    expect(loadDatabaseConfig(missing)).toMatchObject({ dataDirectory: ".data" });
  });
});

it(".env.example names every variable and no others", () => {
  const example = readFileSync(".env.example", "utf8");
  const named = [...example.matchAll(/^# ?([A-Z][A-Z0-9_]+)=/gm)].map((match) => match[1]);
  expect(named.sort()).toEqual([...configVariables].sort());
});
