import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import type { AccountLife } from "./account-life.ts";

const guess = () => `guess ${randomBytes(9).toString("base64url")}`;

/** Calls whose passwords, codes and tokens are wrong. They wait for whole seconds, and run at once. */
export async function sendWrongSecrets(life: AccountLife): Promise<void> {
  const { service, login, mine, password: currentPassword } = life;
  const wrong = () => life.newPassword("wrong password", guess());
  const challenge = await life.challenge();
  const { auth, account } = service.client();
  const recoveryCode = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF";
  life.keep("wrong recovery code", [recoveryCode, recoveryCode.toLowerCase(), recoveryCode.replaceAll("-", "")]);
  const altered = `${life.refreshToken.slice(0, -8)}AAAAAAAA`;
  life.keep("altered refresh token", [altered, altered.slice(-20)]);
  const codes = await Promise.all(
    [
      auth.signIn.mutate({ login, password: wrong() }),
      auth.signIn.mutate({ login, password: wrong(), deviceToken: life.deviceToken }),
      auth.signIn.mutate({ login: "nobody", password: wrong() }),
      auth.signIn.mutate({ login, password: wrong().padEnd(10_000, "x") }),
      auth.completeSignIn.mutate({ challenge, code: life.code(9) }),
      auth.completeSignIn.mutate({ challenge, recoveryCode }),
      auth.completeSignIn.mutate({ challenge: `${challenge}x`, code: life.code(9) }),
      auth.refresh.mutate({ refreshToken: altered }),
      mine.auth.reauthenticate.mutate({ password: wrong() }),
      mine.auth.reauthenticate.mutate({ code: life.code(9) }),
      mine.auth.changePassword.mutate({ currentPassword: wrong(), newPassword: wrong() }),
      mine.account.twoFactor.disable.mutate({ code: life.code(9) }),
      account.recoveryCodes.count.query(),
    ].map(service.codeOf),
  );
  expect(codes).toEqual(codes.map(() => "UNAUTHORIZED"));
  const refused = await Promise.all(
    [
      mine.auth.changePassword.mutate({
        currentPassword,
        newPassword: life.newPassword("refused password", "k9 short"),
      }),
      mine.auth.changePassword.mutate({
        currentPassword,
        newPassword: life.newPassword("refused password", login.repeat(2)),
      }),
      mine.account.twoFactor.confirm.mutate({ code: life.code(9) }),
    ].map(service.codeOf),
  );
  expect(refused).toEqual(["BAD_REQUEST", "BAD_REQUEST", "CONFLICT"]);
}

/** Requests that are no calls, or calls of another form, with secrets where they do not belong. */
export async function sendInvalidRequests(life: AccountLife, serviceToken: string): Promise<void> {
  const { service, login, refreshToken, accessToken, deviceToken } = life;
  const password = life.newPassword("password of an invalid request", guess());
  const json = (body: unknown, headers: Record<string, string> = {}) => ({
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const input = encodeURIComponent(JSON.stringify({ json: { login, password, refreshToken } }));
  const statuses = await Promise.all([
    service.send("auth.signIn", json(`{"json":{"login":"${login}","password":"${password}"`)),
    service.send("auth.signIn", json({ json: { login, password: [password] } })),
    service.send("auth.signIn", json({ json: { login: { password }, password } })),
    service.send("auth.signIn", json({ json: { login, password, unknown: deviceToken } })),
    service.send("auth.signIn", json({ json: { login, password, deviceToken: deviceToken.repeat(100) } })),
    service.send("auth.signIn", json({ json: { login, password, ipAddress: deviceToken } })),
    service.send("auth.signIn", { ...json({ password }), headers: { "content-type": "text/plain" } }),
    service.send("auth.signIn", json({ json: { login, password: password.repeat(400_000) } })),
    service.send(`auth.signIn?input=${input}`),
    service.send(`auth.refresh/${refreshToken}`, json({})),
    service.send(
      "auth.signIn,auth.signIn?batch=1",
      json({ 0: { json: { login, password } }, 1: { json: { password } } }),
    ),
    service.send("users.me", { headers: { authorization: `Basic ${btoa(`${login}:${password}`)}` } }),
    service.send("users.me", { headers: { authorization: `Bearer ${refreshToken}` } }),
    service.send("users.me", { headers: { authorization: `Bearer ${accessToken}x`, cookie: `token=${accessToken}` } }),
    service.send("users.list", { headers: { authorization: `Bearer ${accessToken}` } }),
    service.send("users.create", json({ json: { email: login, username: password, password } }, bearer(serviceToken))),
    service.send("users.create", json({ json: { email: password, passwordHash: password } }, bearer(serviceToken))),
  ]);
  for (const status of statuses) expect(status).toBeGreaterThanOrEqual(400);
  await service.sendBytes(`GET /trpc/users.me HTTP/9.9\r\nAuthorization: Bearer ${accessToken}\r\n\r\n`);
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Calls that fail because the database refuses a row and quotes it. */
export async function sendDuringFaults(life: AccountLife): Promise<void> {
  const { service, sql, login, password, refreshToken } = life;
  await sql`
    create function refuse_row() returns trigger language plpgsql
    as $$ begin raise exception 'refused: % %', new, current_query(); end $$`;
  const tables = ["users", "user_security", "user_sessions", "challenges"];
  for (const table of tables)
    await sql.unsafe(
      `create trigger zz_refuse before insert or update on ${table} for each row execute function refuse_row()`,
    );
  const { auth } = service.client();
  const newPassword = life.newPassword("new password during a fault", `${guess()} of a player`);
  const calls = [
    auth.signIn.mutate({ login, password }),
    auth.refresh.mutate({ refreshToken }),
    life.mine.auth.changePassword.mutate({ currentPassword: password, newPassword }),
    life.mine.account.twoFactor.enrol.mutate(),
    life.mine.account.recoveryCodes.renew.mutate(),
  ];
  const codes = await Promise.all(calls.map(service.codeOf));
  expect(codes).toEqual(calls.map(() => "INTERNAL_SERVER_ERROR"));
  for (const table of tables) await sql.unsafe(`drop trigger zz_refuse on ${table}`);
}
