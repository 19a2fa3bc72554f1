import { existsSync } from "node:fs";
import { generateSync } from "otplib";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { createPlayer, password } from "../support/players.ts";
import { startService } from "../support/service.ts";
import { servePage } from "./page-server.ts";

const executablePath = "/usr/bin/chromium";
// Without a user's profile or a sandbox, which root cannot use, and without connections to other hosts.
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"];

describe.skipIf(!existsSync(executablePath))("the example page in Chromium", () => {
  let browser: Browser;
  let database: TestDatabase;
  let site: Awaited<ReturnType<typeof servePage>>;
  let service: Awaited<ReturnType<typeof startService>>;
  const start = () => startService(database.url, { env: { CORS_ORIGINS: site.url } });
  beforeAll(async () => {
    [database, site] = await Promise.all([createDatabase(), servePage()]);
    service = await start();
    site.passTo(service.url);
    browser = await chromium.launch({ executablePath, args: flags });
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
    await service.close();
    await database.drop();
  });
  beforeEach(() => database.sql`delete from rate_limits`);

  /** A browser without cookies. */
  async function newBrowser(): Promise<BrowserContext> {
    const context = await browser.newContext();
    context.setDefaultTimeout(15_000);
    onTestFinished(() => context.close());
    return context;
  }

  async function openTab(context: BrowserContext): Promise<Page> {
    const tab = await context.newPage();
    await tab.goto(site.url);
    return tab;
  }

  const signIn = async (tab: Page, login: string) => {
    await tab.getByLabel("Name or email").fill(login);
    await tab.getByLabel("Password").fill(password);
    await tab.getByRole("button", { name: "Sign in" }).click();
  };
  const seesName = (tab: Page, name: string) => tab.getByRole("heading", { level: 1, name }).waitFor();
  const isSignedOut = (tab: Page) => tab.getByRole("button", { name: "Sign in" }).waitFor();
  const thisDevice = (tab: Page) => tab.getByText("Chrome on Linux (this device)").waitFor();

  /** Two tabs in which a new player is signed in: in one of them by hand, in the other by that. */
  async function twoTabs() {
    const player = await createPlayer(database.sql);
    const context = await newBrowser();
    const tabs = [await openTab(context), await openTab(context)] as const;
    await signIn(tabs[0], player.username);
    for (const tab of tabs) await seesName(tab, player.username);
    const sessions = () => database.sql`
    select revocation_reason as reason from user_sessions where user_id = ${player.id} and factors @> '{password}'`;
    return { ...player, context, tabs, sessions };
  }

  it("a sign-in in one tab signs in the other, and no script of the page can read the refresh token", async () => {
    const { context, tabs } = await twoTabs();
    for (const tab of tabs) await thisDevice(tab);
    const cookies = await context.cookies();
    expect(
      cookies.map(({ name, httpOnly, secure, sameSite, domain }) => [name, httpOnly, secure, sameSite, domain]),
    ).toEqual([
      ["__Host-aeturnis-refresh", true, true, "Strict", "localhost"],
      ["__Host-aeturnis-device", true, true, "Strict", "localhost"],
    ]);
    const readable = await tabs[0].evaluate(
      "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)",
    );
    for (const { value } of cookies) expect(readable).not.toContain(value);
    expect(readable).not.toMatch(/ey[\w-]+\.ey/);
  });

  it("two tabs that are reloaded at once, again and again, stay signed in to one session", async () => {
    const { tabs, username, sessions } = await twoTabs();
    for (let round = 0; round < 5; round++) {
      await Promise.all(tabs.map((tab) => tab.reload()));
      for (const tab of tabs) await seesName(tab, username);
    }
    expect(await sessions()).toEqual([{ reason: null }]);
  });

  it("a network that is killed signs nobody out, and the page goes on when it is back", async () => {
    const { context, tabs, username } = await twoTabs();
    const [tab] = tabs;
    await context.setOffline(true);
    await tab.getByRole("button", { name: "Reload" }).click();
    await tab.getByText("The service does not answer.").waitFor();
    await context.setOffline(false);
    await tab.getByRole("button", { name: "Reload" }).click();
    await tab.getByText("The service does not answer.").waitFor({ state: "detached" });
    for (const one of tabs) {
      await one.reload();
      await seesName(one, username);
    }
  });

  it("a page that is opened while the service is restarted connects when it answers again", async () => {
    const { tabs, username } = await twoTabs();
    site.passTo(undefined);
    await service.close();
    await Promise.all(tabs.map((tab) => tab.reload()));
    for (const tab of tabs) await tab.getByText("Connecting…").waitFor();
    service = await start();
    site.passTo(service.url);
    for (const tab of tabs) await seesName(tab, username);
  });

  it("a second factor is set up, asked for at the next sign-in, and its code is taken", async () => {
    const { tabs, username } = await twoTabs();
    const [tab, other] = tabs;
    await tab.getByRole("button", { name: "Set up an authenticator" }).click();
    const secret = (await tab.locator("code").textContent()) ?? "";
    const now = Math.floor(Date.now() / 1_000);
    await tab.getByLabel("Code").fill(generateSync({ secret, epoch: now }));
    await tab.getByRole("button", { name: "Confirm" }).click();
    await eventually(async () => expect(await tab.getByLabel("Recovery codes").getByRole("listitem").count()).toBe(10));
    await tab.getByRole("button", { name: "Sign out" }).click();
    for (const one of tabs) await isSignedOut(one);
    await signIn(other, username);
    await other.getByLabel("Code").fill(generateSync({ secret, epoch: now + 30 }));
    await other.getByRole("button", { name: "Sign in" }).click();
    for (const one of tabs) await seesName(one, username);
  });

  it("a device is renamed, and a session that an administrator ends signs out all tabs", async () => {
    const { tabs, id } = await twoTabs();
    const [tab, other] = tabs;
    await tab.getByLabel("Name").fill("The big one");
    await tab.getByRole("button", { name: "Rename" }).click();
    await tab.getByText("The big one (this device)").waitFor();
    await database.sql`update user_sessions set revoked_at = now(), revocation_reason = 'revoked' where user_id = ${id}`;
    await other.getByRole("button", { name: "Reload" }).click();
    for (const one of tabs) await isSignedOut(one);
  });
});
