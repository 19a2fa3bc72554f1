import Bowser from "bowser";

/** A short description of a user agent for its owner, such as "Chrome on Windows"; null if it names no known browser. */
export function deviceName(userAgent: string | null): string | null {
  if (userAgent === null || userAgent === "") return null;
  const { browser, os } = Bowser.parse(userAgent);
  if (!browser.name) return null;
  return os.name ? `${browser.name} on ${os.name}` : browser.name;
}
