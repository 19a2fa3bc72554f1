import { createSession } from "aeturnis-data-client";

/** The player who is signed in, in all tabs. The refresh token is in a cookie. */
export const session = createSession({ url: new URL("/trpc", location.href), cookies: true });
