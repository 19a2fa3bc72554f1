import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { configVariables } from "../../src/config/environment.ts";
import { ConfigError } from "../../src/config/errors.ts";

const secret = "x".repeat(32);

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
  it("needs nothing in development, and cannot be changed", () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      environment: "development",
      dataDirectory: ".data",
      http: { host: "127.0.0.1", port: 3000, corsOrigins: [] },
      database: { url: undefined, poolMin: 2, poolMax: 10, ssl: "disable", slowQuery: 1000 },
    });
    expect(() => Object.assign(config.database, { poolMax: 1000 })).toThrow();
  });

  it("takes an empty variable for one that is not set", () => {
    expect(loadConfig({ PORT: "", DATABASE_URL: "" })).toEqual(loadConfig({}));
  });

  it("lists every fault at once, by name and never by value", () => {
    const env = {
      NODE_ENV: "staging-hunter2",
      PORT: "70000",
      DATABASE_URL: "mysql://root:hunter2@db/x",
      DATABASE_POOL_MIN: "hunter2",
      DATABASE_SSL: "hunter2",
      JWT_SECRET: "hunter2",
      CORS_ORIGINS: "https://game.example,hunter2",
    };
    const found = faults(env);
    expect(found.map((fault) => fault.split(" ")[0]).sort()).toEqual(Object.keys(env).sort());
    expect(found.join()).not.toContain("hunter2");
  });

  it("refuses a password with characters that would end it, and never takes it for a host or a database", () => {
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

  it("takes no mode of TLS that it does not know for none", () => {
    for (const search of ["sslmode=VERIFY-FULL", "sslmode=prefer", "ssl=require"]) {
      expect(faults({ DATABASE_URL: `postgres://db/x?${search}` }), search).toEqual([
        expect.stringContaining("sslmode"),
      ]);
    }
    const verified = { DATABASE_URL: "postgres://db/x?sslmode=verify-full", DATABASE_CA_FILE: "ca.pem" };
    expect(loadConfig(verified).database).toMatchObject({ ssl: "verify-full", caFile: "ca.pem" });
  });

  it("refuses a minimum above the maximum, and an authority that would not be asked", () => {
    expect(faults({ DATABASE_POOL_MIN: "11" })).toEqual([expect.stringContaining("DATABASE_POOL_MIN")]);
    expect(faults({ DATABASE_CA_FILE: "ca.pem" })).toEqual([expect.stringContaining("DATABASE_CA_FILE")]);
  });
});

describe("in production", () => {
  const production = { NODE_ENV: "production", JWT_SECRET: secret };

  it("a database must be named, in one sentence", () => {
    expect(faults(production)).toEqual([
      "DATABASE_URL must be set in production: the embedded server is for development",
    ]);
  });

  it("a secret must be given", () => {
    const env = { NODE_ENV: "production", DATABASE_URL: "postgres://db@localhost/db" };
    expect(faults(env)).toEqual([expect.stringContaining("JWT_SECRET")]);
  });

  it("an unencrypted connection to another host is refused, unless told otherwise", () => {
    const url = "postgres://db@db.example/db";
    expect(faults({ ...production, DATABASE_URL: url })).toEqual([expect.stringContaining("DATABASE_SSL")]);
    for (const ssl of ["disable", "require", "verify-full"] as const) {
      expect(loadConfig({ ...production, DATABASE_URL: url, DATABASE_SSL: ssl }).database.ssl).toBe(ssl);
    }
    expect(loadConfig({ ...production, DATABASE_URL: `${url}?sslmode=require` }).database.ssl).toBe("require");
    expect(loadConfig({ ...production, DATABASE_URL: "postgres://db@127.0.0.1/db" }).database.ssl).toBe("disable");
  });

  it("the pool is larger and the log quieter", () => {
    const config = loadConfig({ ...production, DATABASE_URL: "postgres://db@localhost/db" });
    expect(config.database.poolMax).toBe(20);
    expect(config.logLevel).toBe("info");
  });
});

it(".env.example names every variable, and no other", () => {
  const example = readFileSync(".env.example", "utf8");
  const named = [...example.matchAll(/^# ?([A-Z][A-Z_]+)=/gm)].map((match) => match[1]);
  expect(named.sort()).toEqual([...configVariables].sort());
});
