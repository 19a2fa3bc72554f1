import { parseSetCookie, type SetCookie } from "cookie";
import type { ClientFetch } from "../../src/client/batching.ts";

/** The `fetch` of a page of this origin, with the cookies that the browser keeps for it. */
export function cookieJar(headers: Record<string, string>) {
  const cookies = new Map<string, SetCookie>();
  const answers: { body: string; set: SetCookie[]; headers: Headers }[] = [];
  const fetchAsPage: ClientFetch = async (url, init) => {
    const cookie = [...cookies].map(([name, { value }]) => `${name}=${value}`).join("; ");
    // A browser sends no cookie to another host, and takes none, unless the page asks for it.
    const withCookies = init?.credentials === "include";
    const sent = withCookies ? { cookie } : {};
    const response = await fetch(url, { ...init, headers: { ...init?.headers, ...sent, ...headers } });
    const set = withCookies ? response.headers.getSetCookie().map((text) => parseSetCookie(text)) : [];
    for (const one of set) {
      if (one.maxAge === 0) cookies.delete(one.name);
      else cookies.set(one.name, one);
    }
    answers.push({ body: await response.clone().text(), set, headers: response.headers });
    return response;
  };
  return { cookies, answers, fetch: fetchAsPage };
}
