import type { IncomingHttpHeaders } from "node:http";
import { parseCookie, stringifySetCookie } from "cookie";
import { ForbiddenError, InvalidInputError } from "../errors.ts";
import type { SessionCookies } from "../routers/index.ts";

/**
 * A browser accepts the prefix only with Secure and Path=/ and without Domain, so that no other host sets these cookies
 * (RFC 6265bis, 4.1.3.2).
 */
const refreshCookie = "__Host-aeturnis-refresh";
const deviceCookie = "__Host-aeturnis-device";

/** Browsers keep no cookie for longer (s; RFC 6265bis, 5.5), and a device is known for as long. */
const longestAge = 400 * 86_400;

/** No script reads the cookies, and no page of another site sends them (OWASP ASVS 5.0, 3.3.1 to 3.3.4). */
const attributes = { path: "/", secure: true, httpOnly: true, sameSite: "strict" } as const;

/**
 * Returns a function that gives a procedure the cookies of its request and its answer.
 *
 * @param options.setCookie adds a Set-Cookie header to the answer
 * @param options.origins of the pages that may use cookies
 */
export function sessionCookiesOf(
  headers: IncomingHttpHeaders,
  { setCookie, origins }: { setCookie: (cookie: string) => void; origins: readonly string[] },
): () => SessionCookies {
  const set = (name: string, value: string, maxAge: number) =>
    setCookie(stringifySetCookie({ name, value, maxAge, ...attributes }));

  return () => {
    const { origin, "trpc-accept": accept } = headers;
    // A page of another origin of the same site would send the cookies too, so that SameSite alone does not suffice.
    if (origin === undefined || !origins.includes(origin))
      throw new ForbiddenError(foreignOrigin, { field: "cookies" });
    if (accept !== undefined) throw new InvalidInputError(streamed, { field: "cookies" });
    const given = parseCookie(headers.cookie ?? "");
    return {
      refreshToken: given[refreshCookie] || undefined,
      deviceToken: given[deviceCookie] || undefined,
      keepRefreshToken: (token, until) => {
        const seconds = Math.floor((until.getTime() - Date.now()) / 1_000);
        set(refreshCookie, token, Math.min(Math.max(seconds, 0), longestAge));
      },
      keepDeviceToken: (token) => void set(deviceCookie, token, longestAge),
      clearRefreshToken: () => void set(refreshCookie, "", 0),
    };
  };
}

const foreignOrigin =
  "cookies: only a page whose Origin is listed in CORS_ORIGINS may keep its session in cookies. Other callers receive the " +
  "tokens in the answer: omit `cookies`.";

const streamed =
  "cookies: a streamed answer cannot set cookies. Call by httpLink or httpBatchLink, not by httpBatchStreamLink.";
