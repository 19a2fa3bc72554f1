import { pbkdf2Sync } from "node:crypto";
import { hash } from "@node-rs/argon2";
import { generateSync } from "otplib";
import { beforeEach, describe, expect, it } from "vitest";
import { createPlayer, password } from "../support/players.ts";
import { refusal } from "../support/rejection.ts";
import { account, clientOf, serviceToken, sessionFor, signedInOf, useService } from "../support/service.ts";

const service = useService();
const wrong = "not the right password at all";
const failed = {
  code: "UNAUTHORIZED",
  message: expect.stringMatching(/^Name or password is wrong, or there were too many/),
};

// All tests sign in from one address.
beforeEach(() => service.database.sql`delete from rate_limits`);

const player = (options?: Parameters<typeof createPlayer>[1]) => createPlayer(service.database.sql, options);
const anonymous = () => clientOf(service.url);
/** Signs in without a second factor. */
async function signIn(login: string, more: { password?: string; deviceToken?: string } = {}) {
  return signedInOf(await anonymous().auth.signIn.mutate({ login, password, ...more }));
}

describe("auth.signIn", () => {
  it("a player signs in by username or email in any case, and the session is theirs", async () => {
    const { id, username, email } = await player();
    for (const login of [username.toUpperCase(), ` ${email} `]) {
      const signedIn = await signIn(login);
      expect(signedIn).toMatchObject({
        stage: "full",
        expiresIn: 900,
        session: { userId: id, factors: ["password"], failures: 0, ipAddress: "127.0.0.1" },
      });
      expect(await clientOf(service.url, signedIn.accessToken).users.me.query()).toMatchObject({
        id,
        lastLogin: expect.any(Date),
      });
      const refreshed = await anonymous().auth.refresh.mutate({ refreshToken: signedIn.refreshToken });
      expect(refreshed).toMatchObject({ stage: "full", session: { id: signedIn.session.id } });
    }
  });

  it("an unknown name, a wrong password, a locked account, no password and a password that is too long are refused alike", async () => {
    const [right, locked, none] = [await player(), await player(), await player({ hash: "!" })];
    await service.database
      .sql`update user_security set locked_until = now() + interval '1 hour' where user_id = ${locked.id}`;
    const begun = performance.now();
    const answers = await Promise.all(
      [
        signIn("nobody-has-this-name"),
        signIn("nobody@example.com"),
        signIn(right.username, { password: wrong }),
        signIn(locked.username),
        signIn(none.username, { password: "!" }),
        signIn(right.username, { password: "x".repeat(10_000) }),
      ].map(refusal),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject(failed);
    // Not a measurement: a refusal is answered after a whole second.
    expect(performance.now() - begun).toBeGreaterThan(999);
  });

  it("the fifth wrong password locks strangers out, and a known device signs in", async () => {
    const { id, username } = await player();
    const { deviceToken } = await signIn(username);
    for (const answer of await Promise.all(
      Array.from({ length: 12 }, () => refusal(signIn(username, { password: wrong }))),
    ))
      expect(answer).toMatchObject(failed);
    expect(await refusal(signIn(username))).toMatchObject(failed);
    const known = await signIn(username, { deviceToken });
    expect(known).toMatchObject({ deviceToken, session: { failures: 0 } });
    const [state] = await service.database
      .sql`select login_attempts as attempts from user_security where user_id = ${id}`;
    expect(state).toEqual({ attempts: 5 });
    const changes = await service.database.sql`
      select changes from audit_log where resource_type = 'user_security' and resource_id = ${id} and action = 'update'`;
    expect(changes.flatMap((row) => Object.keys(row["changes"])).sort()).toEqual(["failing_since", "locked_until"]);
    await clientOf(service.url, (await account(service.database.sql, "moderator")).token).security.unlock.mutate({
      userId: id,
    });
    const [unlocked] = await service.database
      .sql`select login_attempts, locked_until, failing_since from user_security where user_id = ${id}`;
    expect(unlocked).toEqual({ login_attempts: 0, locked_until: null, failing_since: null });
    expect(await signIn(username)).toMatchObject({ stage: "full" });
  });

  it("failures before a success are told, and forgiven", async () => {
    const { username } = await player();
    for (let n = 0; n < 2; n++) await refusal(signIn(username, { password: wrong }));
    expect(await signIn(username)).toMatchObject({ session: { failures: 2 } });
    expect(await signIn(username)).toMatchObject({ session: { failures: 0 } });
  });

  it("a failure after 30 quiet days is a first one again, and the trail has it", async () => {
    const { id, username } = await player();
    await refusal(signIn(username, { password: wrong }));
    await service.database.sql`
      update user_security set last_attempt_at = now() - interval '31 days', failing_since = now() - interval '31 days'
      where user_id = ${id}`;
    await refusal(signIn(username, { password: wrong }));
    const changes = await service.database.sql`
      select changes from audit_log where resource_type = 'user_security' and resource_id = ${id}
        and action = 'update' and actor = 'anonymous' order by created_at`;
    const moment = expect.any(String);
    expect(changes.map((row) => row["changes"].failing_since)).toEqual([
      [null, moment],
      [moment, null],
      [null, moment],
    ]);
  });

  it.each(["suspended", "banned"] as const)("a %s player is told so after the right password only", async (status) => {
    const { id, username } = await player();
    await service.database.sql`update users set status = ${status} where id = ${id}`;
    expect(await refusal(signIn(username, { password: wrong }))).toMatchObject(failed);
    expect(await refusal(signIn(username))).toMatchObject({ code: "FORBIDDEN", message: `This account is ${status}.` });
  });

  it("a hash of another system, or with a lower cost, is replaced at the first sign-in", async () => {
    const digest = pbkdf2Sync(password, "seasalt", 1_000, 32, "sha256").toString("base64");
    const { id, username } = await player({ hash: `pbkdf2_sha256$1000$seasalt$${digest}` });
    await signIn(username);
    const [row] = await service.database.sql`select password_hash as hash from users where id = ${id}`;
    expect(row?.["hash"]).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await signIn(username)).toMatchObject({ stage: "full" });
  });

  it("an account that needs a new password, and a moderator without a second factor, get a session of that stage", async () => {
    const [one, moderator] = [await player(), await player({ role: "moderator" })];
    await service.database.sql`update user_security set must_change_password = true where user_id = ${one.id}`;
    const limited = await signIn(one.username);
    expect(limited.stage).toBe("password_change");
    const mine = clientOf(service.url, limited.accessToken);
    expect(await refusal(mine.users.me.query())).toMatchObject({ code: "FORBIDDEN", reason: "password_change" });
    const newPassword = "a long new password of mine";
    await mine.auth.changePassword.mutate({ currentPassword: password, newPassword });
    expect(await mine.users.me.query()).toMatchObject({ id: one.id });
    expect(await signIn(one.username, { password: newPassword })).toMatchObject({ stage: "full" });

    const staff = await signIn(moderator.username);
    expect(staff.stage).toBe("enrolment");
    expect(await refusal(clientOf(service.url, staff.accessToken).users.list.query())).toMatchObject({
      code: "FORBIDDEN",
      reason: "enrolment",
    });
  });

  it("an imported password of less than 8 characters signs in to be replaced, and one of 8 signs in", async () => {
    const { id, username } = await player();
    const importPassword = async (short: string) =>
      service.database.sql`update users set password_hash = ${await hash(short)} where id = ${id}`;
    await importPassword("seven🜂🜂");
    const limited = await signIn(username, { password: "seven🜂🜂" });
    expect(limited.stage).toBe("password_change");
    const { auth } = clientOf(service.url, limited.accessToken);
    await auth.changePassword.mutate({ currentPassword: "seven🜂🜂", newPassword: password });
    expect(await signIn(username)).toMatchObject({ stage: "full" });
    await importPassword("eight🜂🜂🜂");
    expect(await signIn(username, { password: "eight🜂🜂🜂" })).toMatchObject({ stage: "full" });
  });

  it("a back end signs a player in with the player's address, and nobody else may pass one", async () => {
    const { username } = await player();
    const input = { login: username, password, ipAddress: "203.0.113.50" };
    expect(await clientOf(service.url, serviceToken).auth.signIn.mutate(input)).toMatchObject({
      session: { ipAddress: "203.0.113.50" },
    });
    expect(await refusal(anonymous().auth.signIn.mutate(input))).toMatchObject({
      code: "BAD_REQUEST",
      field: "ipAddress",
    });
  });

  it("players of a back end that passes no address do not share a limit", async () => {
    const guess = (n: number) =>
      refusal(clientOf(service.url, serviceToken).auth.signIn.mutate({ login: `nobody-${n}`, password: wrong }));
    const answers = await Promise.all(Array.from({ length: 25 }, (_, n) => guess(n)));
    for (const answer of answers) expect(answer).toMatchObject(failed);
    expect(await service.database.sql`select 1 from rate_limits`).toHaveLength(0);
  });

  it("a password of 2 MB that takes minutes to normalize is refused like any other", async () => {
    const { username } = await player();
    const marks = "\u0315\u0316".repeat(500_000);
    expect(await refusal(anonymous().auth.signIn.mutate({ login: username, password: marks }))).toMatchObject(failed);
  });

  it("a batch whose path is encoded twice is refused, and none of its calls is tried", async () => {
    const { id, username } = await player();
    const path = encodeURIComponent(encodeURIComponent("auth.signIn,auth.signIn"));
    const input = { json: { login: username, password: wrong } };
    const answer = await fetch(`${service.url}/${path}?batch=1`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ 0: input, 1: input }),
    });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("path of the request")]);
    const [row] = await service.database
      .sql`select login_attempts as attempts from user_security where user_id = ${id}`;
    expect(row).toEqual({ attempts: 0 });
  });

  it("two calls that check a password in one batch are refused, and none is tried", async () => {
    const { id, username } = await player();
    const client = anonymous();
    const answers = await Promise.all(
      [0, 1].map(() => refusal(client.auth.signIn.mutate({ login: username, password: wrong }))),
    );
    for (const answer of answers)
      expect(answer).toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining("travel alone") });
    const [state] = await service.database
      .sql`select attempts_total::int as total from user_security where user_id = ${id}`;
    expect(state).toEqual({ total: 0 });
  });
});

describe("a session", () => {
  it("a session that is revoked is refused at the next call", async () => {
    const { username } = await player();
    const { accessToken, refreshToken } = await signIn(username);
    const mine = clientOf(service.url, accessToken);
    expect(await mine.auth.signOut.mutate({ scope: "this" })).toEqual({ ended: 1 });
    expect(await refusal(mine.users.me.query())).toMatchObject({
      code: "UNAUTHORIZED",
      message: "The session of this access token has ended: sign in again.",
    });
    expect(await refusal(anonymous().auth.refresh.mutate({ refreshToken }))).toMatchObject({ code: "UNAUTHORIZED" });
  });

  it("ending other sessions needs a recent proof of the password, and auth.reauthenticate gives it", async () => {
    const { username, sessionId } = await player();
    const { accessToken, session } = await signIn(username);
    const mine = clientOf(service.url, accessToken);
    await service.database
      .sql`update user_sessions set authenticated_at = now() - interval '11 minutes' where id = ${session.id}`;
    for (const call of [
      mine.sessions.revokeAll.mutate(),
      mine.sessions.revoke.mutate({ sessionId }),
      mine.auth.signOut.mutate({ scope: "others" }),
    ])
      expect(await refusal(call)).toMatchObject({ code: "FORBIDDEN", reason: "recent_authentication" });
    expect(await refusal(mine.auth.reauthenticate.mutate({ password: wrong }))).toMatchObject(failed);
    await mine.auth.reauthenticate.mutate({ password });
    expect(await mine.auth.signOut.mutate({ scope: "others" })).toEqual({ ended: 1 });
    expect(await mine.sessions.revoke.mutate({ sessionId: session.id })).toMatchObject({ revocationReason: "revoked" });
  });

  it("auth.changePassword requires the present password and ends the other sessions", async () => {
    const { id, username, token } = await player();
    const { accessToken } = await signIn(username);
    const mine = clientOf(service.url, accessToken);
    const newPassword = "another long password of mine";
    expect(await refusal(mine.auth.changePassword.mutate({ currentPassword: wrong, newPassword }))).toMatchObject(
      failed,
    );
    expect(await mine.auth.changePassword.mutate({ currentPassword: password, newPassword })).toEqual({ ended: 1 });
    expect(await refusal(clientOf(service.url, token).users.me.query())).toMatchObject({ code: "UNAUTHORIZED" });
    expect(await refusal(signIn(username))).toMatchObject(failed);
    const { session } = await signIn(username, { password: newPassword });
    expect(session.userId).toBe(id);
  });

  it("a new password that is the present one, also decomposed, is refused", async () => {
    const [composed, decomposed] = ["cafe au lait, s'il vous pla\u00eet", "cafe au lait, s'il vous plai\u0302t"];
    const { username } = await player({ hash: await hash(composed) });
    const { accessToken } = await signIn(username, { password: composed });
    const { auth } = clientOf(service.url, accessToken);
    const change = auth.changePassword.mutate({ currentPassword: composed, newPassword: decomposed });
    expect(await refusal(change)).toMatchObject({ code: "BAD_REQUEST", field: "newPassword" });
  });

  it("no session that the old password began survives a change of the password at the same time", async () => {
    const { id, username } = await player();
    const mine = await signIn(username);
    const { auth } = clientOf(service.url, mine.accessToken);
    let isChanged = false;
    const signInAgain = async () => {
      while (!isChanged) await signIn(username, { deviceToken: mine.deviceToken }).catch(() => undefined);
    };
    const again = [signInAgain(), signInAgain(), signInAgain()];
    const changed = auth.changePassword.mutate({ currentPassword: password, newPassword: "another long password" });
    const settled = changed.finally(() => {
      isChanged = true;
    });
    await Promise.allSettled([settled, ...again]);
    await changed;
    const live = await service.database.sql`select id from user_sessions where user_id = ${id} and revoked_at is null`;
    expect(live).toEqual([{ id: mine.session.id }]);
  });

  it("a new password that is refused leaves no failed attempt", async () => {
    const { id, username } = await player();
    const { accessToken, session } = await signIn(username);
    const mine = clientOf(service.url, accessToken);
    for (let n = 0; n < 11; n++)
      expect(
        await refusal(mine.auth.changePassword.mutate({ currentPassword: password, newPassword: `short ${n}` })),
      ).toMatchObject({ code: "BAD_REQUEST", field: "newPassword" });
    const [device] = await service.database.sql`
      select attempts, attempts_total::int as total, locked_until from user_devices
      where user_id = ${id} and id = ${session.deviceId}`;
    expect(device).toEqual({ attempts: 0, total: 11, locked_until: null });
  });

  it("sessions.check accepts an access token of a player, and null is its answer to any other", async () => {
    const { id, username } = await player();
    const { accessToken, session } = await signIn(username);
    const check = clientOf(service.url, serviceToken).sessions.check;
    expect(await check.query({ accessToken })).toMatchObject({ id: session.id, userId: id, username, stage: "full" });
    for (const other of ["nothing", serviceToken, `${accessToken}x`])
      expect(await check.query({ accessToken: other })).toBeNull();
    expect(await refusal(check.query({ userId: id } as never))).toMatchObject({
      code: "BAD_REQUEST",
      field: "sessionId",
    });
  });

  it("a session of another stage calls only the procedures that are open to it", async () => {
    const { id } = await account(service.database.sql);
    const { token } = await sessionFor(service.database.sql, id, ["password"]);
    await service.database.sql`update user_security set must_change_password = true where user_id = ${id}`;
    const mine = clientOf(service.url, token);
    expect(await refusal(mine.sessions.list.query())).toMatchObject({ reason: "password_change" });
    expect(await mine.auth.signOut.mutate({ scope: "this" })).toEqual({ ended: 1 });
  });
});

describe("a second factor", () => {
  /** A player with a confirmed second factor, and what generates its codes. */
  async function enrolled(role?: "moderator") {
    const one = await player(role === undefined ? {} : { role });
    const signedIn = await signIn(one.username);
    const mine = clientOf(service.url, signedIn.accessToken);
    const { secret, otpauthUri } = await mine.account.twoFactor.enrol.mutate();
    const code = (stepsAhead = 0) => generateSync({ secret, epoch: Math.floor(Date.now() / 1000) + stepsAhead * 30 });
    const { recoveryCodes } = await mine.account.twoFactor.confirm.mutate({ code: code() });
    return { ...one, ...signedIn, mine, secret, otpauthUri, code, recoveryCodes };
  }
  const challengeOf = async (login: string) => {
    const answer = await anonymous().auth.signIn.mutate({ login, password });
    if (!("challenge" in answer)) throw new Error("the account has no second factor");
    return answer;
  };
  const completed = async (login: string, code: string) =>
    signedInOf(await anonymous().auth.completeSignIn.mutate({ challenge: (await challengeOf(login)).challenge, code }));
  const refusedCode = {
    code: "UNAUTHORIZED",
    message: expect.stringMatching(/^The code is wrong or was used already/),
  };

  it("a moderator enrols an authenticator, and the session becomes a full one", async () => {
    const { mine, id, otpauthUri, recoveryCodes, session } = await enrolled("moderator");
    expect(otpauthUri).toMatch(/^otpauth:\/\/totp\/Aeturnis/);
    expect(recoveryCodes).toHaveLength(10);
    expect((await mine.users.list.query({ limit: 1 })).items).toHaveLength(1);
    const { items } = await mine.sessions.list.query();
    expect(items.find((one) => one.id === session.id)?.factors).toEqual(["password", "totp"]);
    expect(await mine.account.recoveryCodes.count.query()).toBe(10);
    expect(id).toBe(session.userId);
  });

  it("a sign-in with a second factor is completed by a code, which is taken once", async () => {
    const { id, username, code } = await enrolled();
    const { challenge, factors } = await challengeOf(username);
    expect(factors).toEqual(["totp", "recovery_code"]);
    // The code of the enrolment was taken.
    expect(await refusal(anonymous().auth.completeSignIn.mutate({ challenge, code: code() }))).toMatchObject(
      refusedCode,
    );
    const next = code(1);
    const signedIn = signedInOf(
      await anonymous().auth.completeSignIn.mutate({ challenge, code: `${next.slice(0, 3)} ${next.slice(3)}` }),
    );
    expect(signedIn).toMatchObject({ stage: "full", session: { userId: id, factors: ["password", "totp"] } });
    expect(await refusal(anonymous().auth.completeSignIn.mutate({ challenge, code: next }))).toMatchObject({
      code: "UNAUTHORIZED",
      message: "This sign-in has expired: begin again with the password.",
    });
    const known = await anonymous().auth.signIn.mutate({
      login: username,
      password,
      deviceToken: signedIn.deviceToken,
    });
    expect(known).toHaveProperty("challenge");
    const [state] = await service.database
      .sql`select login_attempts, code_attempts from user_security where user_id = ${id}`;
    expect(state).toEqual({ login_attempts: 0, code_attempts: 0 });
  });

  it("a device that is forgotten between password and code is known again by the completed sign-in", async () => {
    const { mine, username, deviceToken, session, code } = await enrolled();
    const answer = await anonymous().auth.signIn.mutate({ login: username, password, deviceToken });
    if (!("challenge" in answer)) throw new Error("the account has no second factor");
    const deviceId = session.deviceId ?? "";
    await mine.account.devices.forget.mutate({ deviceId });
    const signedIn = await anonymous().auth.completeSignIn.mutate({ challenge: answer.challenge, code: code(1) });
    expect(signedIn).toMatchObject({ stage: "full", session: { deviceId } });
    expect(signedIn.deviceToken).not.toBe(deviceToken);
  });

  it("100 completions at once with one code start one session", async () => {
    const { id, username, code } = await enrolled();
    const { challenge } = await challengeOf(username);
    const answers = await Promise.allSettled(
      Array.from({ length: 100 }, () => anonymous().auth.completeSignIn.mutate({ challenge, code: code(1) })),
    );
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const [row] = await service.database
      .sql`select count(*)::int as sessions from user_sessions where user_id = ${id} and factors @> '{totp}'`;
    // The session of the enrolment, and the new one.
    expect(row).toEqual({ sessions: 2 });
  });

  it("five wrong codes lock further ones for 30 s, also the right one, and a recovery code signs in", async () => {
    const { id, username, code, recoveryCodes } = await enrolled();
    const { challenge } = await challengeOf(username);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => refusal(anonymous().auth.completeSignIn.mutate({ challenge, code: "000000" }))),
    );
    for (const answer of answers) expect(answer).toMatchObject(refusedCode);
    const [state] = await service.database
      .sql`select code_attempts as attempts from user_security where user_id = ${id}`;
    expect(state).toEqual({ attempts: 5 });
    expect(await refusal(anonymous().auth.completeSignIn.mutate({ challenge, code: code(1) }))).toMatchObject(
      refusedCode,
    );
    const [first = ""] = recoveryCodes;
    const signedIn = await anonymous().auth.completeSignIn.mutate({ challenge, recoveryCode: first.toLowerCase() });
    expect(signedIn).toMatchObject({ recoveryCodesLeft: 9, session: { factors: ["password", "recovery_code"] } });
    const again = await challengeOf(username);
    expect(
      await refusal(anonymous().auth.completeSignIn.mutate({ challenge: again.challenge, recoveryCode: first })),
    ).toMatchObject(refusedCode);
  });

  it("recovery codes are limited to 5 an hour", async () => {
    const { username, recoveryCodes } = await enrolled();
    const { challenge } = await challengeOf(username);
    for (let n = 0; n < 5; n++)
      await refusal(
        anonymous().auth.completeSignIn.mutate({ challenge, recoveryCode: "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA" }),
      );
    const right = { challenge, recoveryCode: recoveryCodes[0] ?? "" };
    expect(await refusal(anonymous().auth.completeSignIn.mutate(right))).toMatchObject(refusedCode);
  });

  it("the second factor is removed by its owner with a code, and by an administrator", async () => {
    const { id, mine, username, code } = await enrolled();
    expect(await refusal(mine.account.twoFactor.disable.mutate({ code: "123456" }))).toMatchObject(refusedCode);
    await mine.account.twoFactor.disable.mutate({ code: code(1) });
    expect(await signIn(username)).toMatchObject({ stage: "full" });
    expect(await mine.account.recoveryCodes.count.query()).toBeNull();

    const other = await enrolled();
    const admin = clientOf(service.url, (await account(service.database.sql, "admin")).token);
    await admin.security.removeSecondFactor.mutate({ userId: other.id });
    expect(await signIn(other.username)).toMatchObject({ stage: "full" });
    expect(id).not.toBe(other.id);
  });

  it("a factor that was removed is proved by no session: not for a moderator's stage, nor for the next factor", async () => {
    const moderator = await enrolled("moderator");
    await moderator.mine.account.twoFactor.disable.mutate({ code: moderator.code(1) });
    expect(await refusal(moderator.mine.users.list.query())).toMatchObject({ reason: "enrolment" });

    const one = await enrolled();
    const other = clientOf(service.url, (await completed(one.username, one.code(1))).accessToken);
    await clientOf(
      service.url,
      (await account(service.database.sql, "admin")).token,
    ).security.removeSecondFactor.mutate({
      userId: one.id,
    });
    const { secret } = await one.mine.account.twoFactor.enrol.mutate();
    const code = generateSync({ secret, epoch: Math.floor(Date.now() / 1_000) });
    await one.mine.account.twoFactor.confirm.mutate({ code });
    expect(await refusal(other.account.recoveryCodes.renew.mutate())).toMatchObject({
      reason: "recent_authentication",
    });
  });

  it("an account without a second factor is told so, and no attempt is counted", async () => {
    const { id, username } = await player();
    const { auth, account: mine } = clientOf(service.url, (await signIn(username)).accessToken);
    const code = "123456";
    for (const call of [() => auth.reauthenticate.mutate({ code }), () => mine.twoFactor.disable.mutate({ code })])
      expect(await refusal(call())).toMatchObject({
        code: "CONFLICT",
        message: expect.stringContaining("enrol one first"),
      });
    const [row] = await service.database.sql`select code_attempts as attempts from user_security where user_id = ${id}`;
    expect(row).toEqual({ attempts: 0 });
  });

  it("an administrator removes the own second factor after a recent authentication only", async () => {
    const { id, token, sessionId } = await account(service.database.sql, "admin");
    const admin = clientOf(service.url, token);
    await service.database
      .sql`update user_sessions set authenticated_at = now() - interval '11 minutes' where id = ${sessionId}`;
    expect(await refusal(admin.security.removeSecondFactor.mutate({ userId: id }))).toMatchObject({
      reason: "recent_authentication",
    });
  });

  it("a sign-in that waits for its second factor ends with a change of the password", async () => {
    const { mine, username, code } = await enrolled();
    const { challenge } = await challengeOf(username);
    await mine.auth.changePassword.mutate({ currentPassword: password, newPassword: "another long password" });
    expect(await refusal(anonymous().auth.completeSignIn.mutate({ challenge, code: code(1) }))).toMatchObject({
      code: "UNAUTHORIZED",
      message: "This sign-in has expired: begin again with the password.",
    });
  });

  it("a code is a recent authentication, and renewing recovery codes needs one", async () => {
    const { mine, session, code, recoveryCodes } = await enrolled();
    await service.database
      .sql`update user_sessions set authenticated_at = now() - interval '11 minutes' where id = ${session.id}`;
    const recent = { code: "FORBIDDEN", reason: "recent_authentication" };
    expect(await refusal(mine.account.recoveryCodes.renew.mutate())).toMatchObject(recent);
    expect(await refusal(mine.account.twoFactor.enrol.mutate())).toMatchObject(recent);
    await mine.auth.reauthenticate.mutate({ code: code(1) });
    const renewed = await mine.account.recoveryCodes.renew.mutate();
    expect(renewed.recoveryCodes).toHaveLength(10);
    expect(renewed.recoveryCodes).not.toContain(recoveryCodes[0]);
  });

  it("a session of the password alone, from before the enrolment, changes no factor without a code", async () => {
    const one = await player();
    const before = clientOf(service.url, (await signIn(one.username)).accessToken);
    const { secret } = await before.account.twoFactor.enrol.mutate();
    const stolen = clientOf(service.url, (await signIn(one.username)).accessToken);
    const now = Math.floor(Date.now() / 1_000);
    await before.account.twoFactor.confirm.mutate({ code: generateSync({ secret, epoch: now }) });
    await stolen.auth.reauthenticate.mutate({ password });
    const recent = { code: "FORBIDDEN", reason: "recent_authentication" };
    for (const change of [
      () => stolen.account.recoveryCodes.renew.mutate(),
      () => stolen.account.twoFactor.enrol.mutate(),
      () => stolen.auth.signOut.mutate({ scope: "all" }),
      () => stolen.users.update.mutate({ username: "another name" }),
      () => stolen.auth.changePassword.mutate({ currentPassword: password, newPassword: "another long password" }),
    ])
      expect(await refusal(change())).toMatchObject(recent);
    await stolen.auth.reauthenticate.mutate({ code: generateSync({ secret, epoch: now + 30 }) });
    expect((await stolen.account.recoveryCodes.renew.mutate()).recoveryCodes).toHaveLength(10);
    await before.account.recoveryCodes.renew.mutate();
  });
});

describe("known devices", () => {
  const userAgent =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

  it("devices are listed with a description, named and forgotten, and each change is recorded", async () => {
    const { username } = await player();
    const { accessToken, deviceToken, session } = await signIn(username);
    await service.database.sql`update user_devices set user_agent = ${userAgent} where id = ${session.deviceId}`;
    await service.database.sql`update user_sessions set user_agent = ${userAgent} where id = ${session.id}`;
    await signIn(username);
    const { account: mine, sessions } = clientOf(service.url, accessToken);
    const deviceId = session.deviceId ?? "";
    const devices = await mine.devices.list.query();
    expect(devices.map(({ isThis }) => isThis)).toEqual([false, true]);
    expect(devices[1]).toMatchObject({ id: deviceId, name: null, description: "Chrome on Windows" });
    expect(Object.keys(devices[1] ?? {})).not.toContain("tokenHash");
    const { items } = await sessions.list.query({ where: { deviceId } });
    expect(items).toMatchObject([{ id: session.id, description: "Chrome on Windows", isThis: true }]);

    expect(await mine.devices.rename.mutate({ deviceId, name: " The big one " })).toMatchObject({
      name: "The big one",
    });
    await mine.devices.forget.mutate({ deviceId });
    expect(await refusal(mine.devices.forget.mutate({ deviceId }))).toMatchObject({ code: "NOT_FOUND" });
    const again = await signIn(username, { deviceToken });
    expect(again.deviceToken).not.toBe(deviceToken);
    const changes = await service.database.sql`
      select action from audit_log where resource_type = 'user_devices' and resource_id like ${`%${deviceId}`} order by created_at`;
    expect(changes.map(({ action }) => action)).toEqual(["insert", "update", "update", "delete"]);
  });

  it("a player can neither see nor change devices of another player", async () => {
    const [one, other] = [await player(), await player()];
    const { session } = await signIn(other.username);
    const { account: mine } = clientOf(service.url, one.token);
    expect(await mine.devices.list.query()).toEqual([]);
    const deviceId = session.deviceId ?? "";
    expect(await refusal(mine.devices.rename.mutate({ deviceId, name: "Mine" }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(mine.devices.forget.mutate({ deviceId }))).toMatchObject({ code: "NOT_FOUND" });
  });

  it("an account keeps its 20 devices that were used last", async () => {
    const { id, username } = await player();
    await service.database.sql`
      insert into user_devices (id, user_id, token_hash, last_used_at, expires_at)
      select gen_random_uuid(), ${id}, md5(n::text) || md5(n::text), now() - n * interval '1 day', now() + interval '1 day' from generate_series(1, 25) as n`;
    await signIn(username);
    const [row] = await service.database.sql`
      select count(*)::int as devices, min(last_used_at) > now() - interval '20 days' as recent from user_devices where user_id = ${id}`;
    expect(row).toEqual({ devices: 20, recent: true });
  });
});
