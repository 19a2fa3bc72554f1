import { afterEach, describe, expect, it, vi } from "vitest";
import { createTokens } from "../../src/identity/tokens.ts";

const tokens = createTokens("a secret for the tests, and for nothing else at all");

describe("a token", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("a token is valid until it expires, also if it was verified shortly before", async () => {
    const token = await tokens.signService("game-server", "1h");
    expect(await tokens.verify(token)).toEqual({ kind: "service", name: "game-server" });

    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 59 * 60_000 });
    expect(await tokens.verify(token)).toEqual({ kind: "service", name: "game-server" });
    vi.setSystemTime(Date.now() + 2 * 60_000);
    await expect(tokens.verify(token)).rejects.toThrow("The access token has expired.");
  });
});
