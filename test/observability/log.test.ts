import { DrizzleQueryError } from "drizzle-orm/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { readableLog } from "../support/log.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

describe("the log", () => {
  it("the log hides secrets by their name, at any depth", () => {
    const { log, lines } = readableLog();
    log.info({
      password: "hunter2",
      user: { passwordHash: "hunter2", request: { headers: { authorization: "hunter2" } } },
    });
    expect(JSON.stringify(lines)).not.toContain("hunter2");
    expect(lines[0]).toMatchObject({ password: "[redacted]", user: { passwordHash: "[redacted]" } });
  });

  it("the log reports the cause and the place of a database error, and no values of the row", async () => {
    const { log, lines } = readableLog();
    const { email, username, passwordHash: password_hash } = newUser();
    const insert = () => database.sql`insert into users ${database.sql({ email, username, password_hash })}`;
    await insert();
    const duplicate = await insert().catch((error: Error) => error);
    log.error({ err: duplicate });
    log.error({
      err: new DrizzleQueryError("insert into users values ($1, $2)", [email, password_hash], duplicate as Error),
    });

    const text = JSON.stringify(lines);
    expect(text).not.toContain(email);
    expect(text).not.toContain(password_hash);
    for (const { err } of lines) {
      expect(err).toMatchObject({
        sqlstate: "23505",
        table_name: "users",
        constraint_name: expect.stringContaining("users"),
      });
    }
  });

  it("the log omits a value that PostgreSQL quotes in a message", async () => {
    const { log, lines } = readableLog();
    log.error({ err: await database.sql`select 'hunter2'::uuid`.catch((error: Error) => error) });
    expect(JSON.stringify(lines)).not.toContain("hunter2");
    expect(lines[0]).toMatchObject({ err: { sqlstate: "22P02" } });
  });

  it("the log omits parameters after text that resembles the beginning of a stack", async () => {
    const { log, lines } = readableLog();
    const text = "x\n    at hunter2";
    const err = new DrizzleQueryError(`select $1`, [text, "s3cret"], new Error("lost"));
    log.error({ err });
    expect(JSON.stringify(lines[0])).not.toMatch(/hunter2|s3cret/);
    expect(lines[0]).toMatchObject({
      err: { stack: expect.stringContaining("log.test.ts"), message: "a query failed" },
    });
  });

  it("the log reports the message, the stack and the cause of any other error", () => {
    const { log, lines } = readableLog();
    log.error({ err: new Error("outer", { cause: new TypeError("inner") }) });
    expect(lines[0]).toMatchObject({
      err: {
        type: "Error",
        message: "outer",
        stack: expect.stringContaining("at "),
        cause: { type: "TypeError", message: "inner" },
      },
    });
  });
});
