import { z } from "zod";
import { endOf, type SessionTokens } from "../identity/index.ts";

/** The cookies in which a browser keeps a session: its scripts read neither the refresh token nor the device token. */
export interface SessionCookies {
  readonly refreshToken: string | undefined;
  readonly deviceToken: string | undefined;
  keepRefreshToken(token: string, until: Date): void;
  keepDeviceToken(token: string): void;
  clearRefreshToken(): void;
}

/** `cookies: true` asks for cookies. */
export const cookiesInput = z.literal(true, "must be true, or omitted").optional();

/** The tokens of a session for a client. With `cookies`, those that are kept there are null in the answer. */
export function deliver<Answer extends SessionTokens & { deviceToken?: string }>(
  answer: Answer,
  cookies: SessionCookies | undefined,
): Delivered<Answer> {
  if (cookies === undefined) return answer as Delivered<Answer>;
  cookies.keepRefreshToken(answer.refreshToken, endOf(answer.session));
  if (answer.deviceToken === undefined) return { ...answer, refreshToken: null };
  cookies.keepDeviceToken(answer.deviceToken);
  return { ...answer, refreshToken: null, deviceToken: null };
}

type Delivered<Answer> = {
  readonly [Key in keyof Answer]: Key extends "refreshToken" | "deviceToken" ? Answer[Key] | null : Answer[Key];
};
