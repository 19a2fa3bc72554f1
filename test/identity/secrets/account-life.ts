import { createHash } from "node:crypto";
import { decodeJwt } from "jose";
import { generateSync, ScureBase32Plugin } from "otplib";
import type { Sql } from "postgres";
import { expect } from "vitest";
import type { RecordedService } from "./recorded-service.ts";
import { codeForms, formsOf, recoveryForms, type Secret, tokenForms } from "./secret-forms.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** What an answer to a sign-in or a refresh gives. */
interface Tokens {
  readonly accessToken: string;
  /** Null in an answer that leaves the token to a cookie: this life asks for none. */
  readonly refreshToken: string | null;
  readonly deviceToken?: string | null;
}

/** An account whose owner does everything that a service offers. It remembers every secret, and where it belongs. */
export class AccountLife {
  readonly secrets: Secret[] = [];
  readonly login: string;
  password = "";
  accessToken = "";
  refreshToken = "";
  deviceToken = "";
  totpSecret = "";
  recoveryCodes: readonly string[] = [];
  #count = 0;

  constructor(
    readonly service: RecordedService,
    readonly sql: Sql,
    name: string,
  ) {
    this.login = name;
  }

  /** Remembers a secret that belongs nowhere. */
  keep(name: string, forms: Secret["forms"], places: Partial<Pick<Secret, "delivered" | "stored">> = {}): void {
    this.secrets.push({ name: `${name} ${++this.#count}`, forms, delivered: [], stored: [], ...places });
  }

  /** A password that a call sends. */
  newPassword(kind: string, password: string): string {
    this.keep(kind, formsOf(password));
    return password;
  }

  /** The last answer has given these tokens. */
  keepTokens({ accessToken, refreshToken, deviceToken }: Tokens): void {
    if (refreshToken === null) throw new Error("the refresh token is in a cookie");
    const delivered = [this.service.last];
    Object.assign(this, { accessToken, refreshToken });
    this.keep("access token", tokenForms(accessToken), { delivered });
    this.keep("refresh token", tokenForms(refreshToken), { delivered });
    const stored = ["user_sessions.refresh_token_id", "user_sessions.previous_refresh_token_id"];
    this.keep("refresh token id", formsOf(String(decodeJwt(refreshToken).jti)), { delivered, stored });
    if (deviceToken == null || deviceToken === this.deviceToken) return;
    this.deviceToken = deviceToken;
    this.keep("device token", formsOf(deviceToken), { delivered });
    this.keep("hash of a device token", formsOf(sha256(deviceToken)), { stored: ["user_devices.token_hash"] });
  }

  keepChallenge(challenge: string): string {
    this.keep("challenge", tokenForms(challenge), { delivered: [this.service.last] });
    this.keep("hash of a challenge", formsOf(sha256(challenge)), { stored: ["challenges.token_hash"] });
    return challenge;
  }

  keepRecoveryCodes(codes: readonly string[]): void {
    this.recoveryCodes = codes;
    for (const code of codes) {
      this.keep("recovery code", recoveryForms(code), { delivered: [this.service.last] });
      const hash = sha256(code.replaceAll("-", ""));
      this.keep("hash of a recovery code", formsOf(hash), { stored: ["user_security.recovery_codes"] });
    }
  }

  keepTotpSecret(secret: string): void {
    this.totpSecret = secret;
    const delivered = [this.service.last];
    this.keep("TOTP secret", [...formsOf(secret), ...formsOf(secret.toLowerCase())], { delivered });
    this.keep("TOTP secret, raw", formsOf(new ScureBase32Plugin().decode(secret)));
  }

  /** The code of a step after the present one. */
  code(stepsAhead: number): string {
    const code = generateSync({ secret: this.totpSecret, epoch: Math.floor(Date.now() / 1_000) + stepsAhead * 30 });
    this.keep("one-time code", codeForms(code));
    return code;
  }

  /** Remembers what the database has now: the hash of the password, and the encrypted secrets. */
  async keepStored(): Promise<void> {
    const [row] = await this.sql`
      select password_hash, two_factor_secret, two_factor_pending_secret
      from users join user_security on user_id = id where username = ${this.login}`;
    const hash = String(row?.["password_hash"]);
    for (const part of hash.split("$").slice(-2))
      this.keep("part of a password hash", formsOf(part), { stored: ["users.password_hash"] });
    for (const column of ["two_factor_secret", "two_factor_pending_secret"])
      if (row?.[column] != null)
        this.keep(`encrypted secret of ${column}`, tokenForms(row[column]), { stored: [`user_security.${column}`] });
  }

  /** The client of the last session. */
  get mine() {
    return this.service.client(this.accessToken);
  }

  /** Signs in without a second factor. */
  async signIn(): Promise<void> {
    const { auth } = this.service.client();
    const answer = await auth.signIn.mutate({ login: this.login, password: this.password });
    if ("challenge" in answer) throw new Error("the account has a second factor");
    this.keepTokens(answer);
  }

  /** @returns the challenge of a sign-in from the known device */
  async challenge(): Promise<string> {
    const { login, password, deviceToken } = this;
    const answer = await this.service.client().auth.signIn.mutate({ login, password, deviceToken });
    if (!("challenge" in answer)) throw new Error("the account has no second factor");
    return this.keepChallenge(answer.challenge);
  }

  async complete(proof: { code: string } | { recoveryCode: string }): Promise<void> {
    const challenge = await this.challenge();
    this.keepTokens(await this.service.client().auth.completeSignIn.mutate({ challenge, ...proof }));
  }

  async refresh(): Promise<void> {
    const { refreshToken } = this;
    this.keepTokens(await this.service.client().auth.refresh.mutate({ refreshToken }));
  }

  /** Presents a refresh token that was rotated twice, which ends the session, and then the last one. */
  async reuse(): Promise<void> {
    const { refreshToken: oldest } = this;
    await this.refresh();
    await this.refresh();
    const { auth } = this.service.client();
    for (const refreshToken of [oldest, this.refreshToken])
      await expect(auth.refresh.mutate({ refreshToken })).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
  }

  /** Begins an enrolment. */
  async enrol(): Promise<void> {
    this.keepTotpSecret((await this.mine.account.twoFactor.enrol.mutate()).secret);
    await this.keepStored();
  }

  async confirm(): Promise<void> {
    const { recoveryCodes } = await this.mine.account.twoFactor.confirm.mutate({ code: this.code(0) });
    this.keepRecoveryCodes(recoveryCodes);
    await this.keepStored();
  }

  async renewRecoveryCodes(): Promise<void> {
    this.keepRecoveryCodes((await this.mine.account.recoveryCodes.renew.mutate()).recoveryCodes);
  }

  async changePassword(newPassword: string): Promise<void> {
    await this.mine.auth.changePassword.mutate({ currentPassword: this.password, newPassword });
    this.password = newPassword;
    await this.keepStored();
  }
}
