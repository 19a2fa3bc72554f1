import { afterEach, describe, expect, it, vi } from "vitest";
import { createAccessTokens } from "../../src/identity/access-tokens.ts";
import { createRefreshTokens } from "../../src/identity/refresh-tokens.ts";
import { deriveKeys } from "../../src/identity/signing-keys.ts";

const secrets = ["a secret for the tests, and for nothing else at all"];
const tokens = createAccessTokens(secrets);
const refreshTokens = createRefreshTokens(secrets);
const [userId, sessionId, tokenId] = [1, 2, 3].map((n) => `00000000-0000-7000-8000-00000000000${n}`) as [
  string,
  string,
  string,
];
const partOf = (token: string, part: number) =>
  JSON.parse(Buffer.from(token.split(".")[part] ?? "", "base64url").toString());

afterEach(() => {
  vi.useRealTimers();
});

describe("an access token", () => {
  it("an access token is valid until it expires, also if it was verified shortly before", async () => {
    const token = await tokens.signService("game-server", 3_600);
    expect(await tokens.verify(token)).toEqual({ kind: "service", name: "game-server" });

    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 59 * 60_000 });
    expect(await tokens.verify(token)).toEqual({ kind: "service", name: "game-server" });
    vi.setSystemTime(Date.now() + 2 * 60_000);
    await expect(tokens.verify(token)).rejects.toThrow("The access token has expired.");
  });

  it("an access token of a user names the session, lasts 15 minutes, and has at most 600 bytes", async () => {
    const token = await tokens.signUser({ userId, sessionId });
    expect(await tokens.verify(token)).toEqual({ kind: "user", id: userId, sessionId });
    expect(partOf(token, 0)).toMatchObject({ alg: "HS256", typ: "at+jwt", kid: expect.stringMatching(/^[\w-]{8}$/) });
    const claims = partOf(token, 1);
    expect(Object.keys(claims).sort()).toEqual(["aud", "exp", "iat", "iss", "jti", "sid", "sub"]);
    expect(claims.exp - claims.iat).toBe(15 * 60);
    expect(token.length).toBeLessThanOrEqual(600);
  });

  it("an older secret verifies tokens, and the newest one signs", async () => {
    const rotated = createAccessTokens(["a newer secret for the tests, and nothing else", ...secrets]);
    const old = await tokens.signService("old", 60);
    expect(await rotated.verify(old)).toEqual({ kind: "service", name: "old" });
    const signed = await rotated.signService("new", 60);
    await expect(tokens.verify(signed)).rejects.toThrow("The access token is not valid.");
    expect(partOf(signed, 0).kid).not.toBe(partOf(old, 0).kid);
  });
});

describe("a refresh token", () => {
  const times = { issuedAt: new Date(), expiresAt: new Date(Date.now() + 60_000) };

  it("a refresh token of the same session row is the same text", async () => {
    const token = await refreshTokens.sign({ userId, sessionId, tokenId }, times);
    expect(await refreshTokens.sign({ userId, sessionId, tokenId }, times)).toBe(token);
    expect(await refreshTokens.verify(token)).toEqual({ userId, sessionId, tokenId });
  });

  it("a token of one kind is not accepted as the other, and no two purposes share a key", async () => {
    const refresh = await refreshTokens.sign({ userId, sessionId, tokenId }, times);
    const access = await tokens.signUser({ userId, sessionId });
    await expect(tokens.verify(refresh)).rejects.toThrow("The access token is not valid.");
    await expect(refreshTokens.verify(access)).rejects.toThrow("The refresh token is not valid.");
    const ids = (["access tokens", "refresh tokens", "cursors"] as const).map(
      (purpose) => deriveKeys(secrets, purpose)[0].id,
    );
    expect(new Set(ids).size).toBe(3);
  });

  it("a token with any changed character is refused", async () => {
    const token = await refreshTokens.sign({ userId, sessionId, tokenId }, times);
    for (let at = 0; at < token.length - 1; at += 7) {
      const changed = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
      await expect(refreshTokens.verify(changed)).rejects.toThrow("The refresh token is not valid.");
    }
  });
});
