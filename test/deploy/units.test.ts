import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { configVariables } from "../../src/config/environment.ts";
import { fileOf } from "../support/import.ts";

const unit = readFileSync("deploy/systemd/aeturnis-data.service", "utf8");
const files = {
  systemd: unit,
  compose: readFileSync("deploy/compose/compose.yaml", "utf8"),
  kubernetes:
    readFileSync("deploy/kubernetes/service.yaml", "utf8") + readFileSync("deploy/kubernetes/migrate.yaml", "utf8"),
};

it.each(Object.entries(files))(
  "the files for %s set variables that the service reads, and secrets by files",
  (_, text) => {
    const set = [...text.matchAll(/(?:Environment=|name: |^ +)([A-Z][A-Z0-9_]{3,})(?:=|:|,)/gm)].map(
      ([, name]) => name,
    );
    const own = set.filter((name) => !name?.startsWith("POSTGRES_"));
    expect(own).toEqual(
      expect.arrayContaining([
        "DATABASE_URL_FILE",
        "JWT_SECRET_FILE",
        "ENCRYPTION_KEYS_FILE",
        "AUDIT_SIGNING_KEY_FILE",
      ]),
    );
    expect(own.filter((name) => !(configVariables as readonly (string | undefined)[]).includes(name))).toEqual([]);
    expect(own).not.toContain("JWT_SECRET");
  },
);

it.runIf(existsSync("/usr/bin/systemd-analyze"))("systemd accepts the unit, and finds little exposed", () => {
  const file = fileOf(
    "aeturnis-data.service",
    unit.replace("/usr/bin/node", process.execPath).replace("/opt/aeturnis-data\n", "/tmp\n"),
  );
  const analyze = (...args: string[]) => {
    const { stdout, stderr } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
    return stdout + stderr;
  };
  // It may complain of other units of the machine.
  const complaints = analyze("verify", "--man=no", file).split("\n");
  expect(complaints.filter((line) => line.includes("aeturnis-data"))).toEqual([]);
  expect(analyze("security", "--offline=true", "--threshold=20", file)).toContain("OK");
});
