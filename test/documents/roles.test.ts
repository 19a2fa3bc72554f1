import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hash } from "@node-rs/argon2";
import { expect, it, onTestFinished } from "vitest";
import { createDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";
import { refusal } from "../support/rejection.ts";
import { clientOf, serviceForTest, serviceToken, signedInOf } from "../support/service.ts";

const password = "correct horse battery staple";

it("a role with the privileges of docs/operations.md runs the service: accounts, sign-in, second factor", async () => {
  // PgBouncer of the tests knows no other roles.
  const database = await createDatabase({ direct: true });
  const { sql } = database;
  const login = `service_${randomUUID().slice(0, 8)}`;
  const [, grants = ""] =
    /## Roles[\s\S]*?```sql\n([\s\S]*?)```/.exec(readFileSync("docs/operations.md", "utf8")) ?? [];
  await sql.unsafe(`create role ${login} login password 'secret'; ${grants.replaceAll("<role>", login)}`);
  onTestFinished(async () => {
    await sql.unsafe(`drop owned by ${login}; drop role ${login}`);
    await database.drop();
  });
  const url = new URL(database.url);
  [url.username, url.password] = [login, "secret"];
  const service = await serviceForTest(url.href);

  const { username, email } = newUser();
  const passwordHash = await hash(password, { memoryCost: 64, timeCost: 1 });
  await clientOf(service.url, serviceToken).users.create.mutate({ username, email, passwordHash });
  const anonymous = clientOf(service.url);
  expect(await refusal(anonymous.auth.signIn.mutate({ login: username, password: "wrong" }))).toMatchObject({
    code: "UNAUTHORIZED",
  });
  const signedIn = signedInOf(await anonymous.auth.signIn.mutate({ login: username, password }));
  const { stage } = await anonymous.auth.refresh.mutate({ refreshToken: signedIn.refreshToken });
  expect(stage).toBe("full");
  const mine = clientOf(service.url, signedIn.accessToken);
  expect(await mine.account.twoFactor.enrol.mutate()).toHaveProperty("otpauthUri");
  expect(await mine.account.devices.list.query()).toHaveLength(1);
  await sql`
    update user_security set two_factor_enabled = true, two_factor_secret = two_factor_pending_secret
    where user_id = ${signedIn.session.userId}`;
  expect(await anonymous.auth.signIn.mutate({ login: username, password })).toHaveProperty("challenge");
});
