import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fileOf } from "../support/import.ts";
import { account, clientOf, serviceForTest, useService } from "../support/service.ts";

const folder = "deploy/prometheus";
const promtool = "/usr/bin/promtool";

const shared = useService();

/** The expressions of a file of rules, which has each on one line or as a block below `expr: |`. */
function expressionsOf(rules: string): string[] {
  const found = [...rules.matchAll(/^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.+)\n)/gm)];
  return found.map(([, block, line]) => (block ?? line ?? "").replace(/\s+/g, " ").trim());
}

interface Dashboard {
  panels: { title: string; type: string; description?: string; targets?: { expr: string }[] }[];
}
const dashboard = (): Dashboard => JSON.parse(readFileSync("deploy/grafana/dashboard.json", "utf8"));
const queries = () => dashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** The metrics that an expression names. `up` is Prometheus' own. */
const metricsOf = (expression: string) =>
  [...expression.matchAll(/\b(?:aeturnis|nodejs|process)_\w+/g)].map(([name]) => name);

it("alert rules and dashboard name metrics that a service has", async () => {
  const service = await serviceForTest(shared.database.url, { env: { ADMIN_PORT: "0" } });
  await clientOf(service.url, (await account(shared.database.sql)).token).users.me.query();
  const text = await (await fetch(service.metricsUrl ?? "")).text();
  const present = new Set([...text.matchAll(/^([a-z]\w+)/gm)].map(([name]) => name));
  const alerts = expressionsOf(readFileSync(join(folder, "alerts.yml"), "utf8"));
  expect(alerts.length).toBeGreaterThan(8);
  expect(queries().length).toBeGreaterThan(20);
  const absent = [...alerts, ...queries()].flatMap(metricsOf).filter((name) => !present.has(name));
  expect(absent).toEqual([]);
});

it("each panel of the dashboard says what it shows, and nothing lies upon another", () => {
  const { panels } = dashboard();
  for (const { type, description } of panels) if (type !== "row") expect(description).toMatch(/\.$/);
  const places = (panels as unknown as { gridPos: { x: number; y: number; w: number; h: number } }[]).flatMap(
    ({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)}/${y + Math.floor(cell / w)}`),
  );
  expect(new Set(places).size).toBe(places.length);
});

it.runIf(existsSync(promtool))("promtool accepts the rules, their tests and the queries of the dashboard", () => {
  const check = (...args: string[]) => execFileSync(promtool, args, { cwd: folder, encoding: "utf8", stdio: "pipe" });
  expect(check("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")).toContain("SUCCESS");
  expect(check("check", "config", "prometheus.yml")).toContain("SUCCESS");
  expect(check("test", "rules", "alerts.test.yml")).toContain("SUCCESS");
  const rules = queries().map((expr, number) => ({
    record: `dashboard:query:${number}`,
    expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*"),
  }));
  const file = fileOf("dashboard.yml", JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
  expect(check("check", "rules", file)).toContain(`SUCCESS: ${rules.length} rules found`);
});

it("each alert has a test, a severity, a summary and a remedy", () => {
  const rules = readFileSync(join(folder, "alerts.yml"), "utf8");
  const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  const tested = [...readFileSync(join(folder, "alerts.test.yml"), "utf8").matchAll(/alertname: (\w+)/g)];
  expect([...new Set(tested.map(([, name]) => name))].sort()).toEqual(names.sort());
  for (const field of ["labels: \\{ severity: (?:page|ticket) \\}", "summary: ", "remedy: "])
    expect(rules.match(new RegExp(field, "g"))).toHaveLength(names.length);
  expect(readdirSync(folder).sort()).toEqual(["alerts.test.yml", "alerts.yml", "prometheus.yml"]);
});
