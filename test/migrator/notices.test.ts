import { expect, it } from "vitest";
import { down } from "../../src/migrator/commands/down.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { logEvents } from "../../src/migrator/event-log.ts";
import type { MigrateEvent } from "../../src/migrator/options.ts";
import { readableLog } from "../support/log.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";

const raise = (level: string, text: string) =>
  `do $$ begin raise ${level} '${text}' using detail = 'more of it', hint = 'look there'; end $$;`;

it.each(["", "-- migrate: no-transaction\n"])(
  "the notices of a migration are reported with their severity as events and in the result; first line: %j",
  async (directive) => {
    const { target } = await emptyDatabase();
    const { folder } = migrationsOf({
      tag: "0000_a",
      up: `${directive}create table a (id int);\n${raise("notice", "one")}\n${raise("warning", "two")}\ncreate table if not exists a (id int);`,
      down: `${directive}drop table a; drop table if exists b; ${raise("warning", "gone")}`,
    });
    const { log, lines } = readableLog("info");
    const events: MigrateEvent[] = [];
    const onEvent = (event: MigrateEvent) => {
      events.push(event);
      logEvents(log)(event);
    };
    const applied = await up({ target, folder, onEvent });
    const notices = [
      { severity: "NOTICE", message: "one", detail: "more of it", hint: "look there" },
      { severity: "WARNING", message: "two", detail: "more of it", hint: "look there" },
      { severity: "NOTICE", message: 'relation "a" already exists, skipping' },
    ];
    expect(applied).toMatchObject({ results: [{ tag: "0000_a", outcome: "applied", notices }] });
    expect(events.filter(({ type }) => type === "notice")).toEqual(
      notices.map((notice) => ({ type: "notice", tag: "0000_a", ...notice })),
    );
    expect(lines.filter(({ msg }) => msg === "migration notice")).toMatchObject([
      { level: "info", tag: "0000_a", severity: "NOTICE", message: "one" },
      { level: "warn", tag: "0000_a", severity: "WARNING", message: "two" },
      { level: "info" },
    ]);

    events.length = 0;
    const undone = await down({ target, folder, onEvent, confirm: () => true });
    const downNotices = [
      { severity: "NOTICE", message: 'table "b" does not exist, skipping' },
      { severity: "WARNING", message: "gone", detail: "more of it", hint: "look there" },
    ];
    expect(undone).toMatchObject({ results: [{ outcome: "reverted", notices: downNotices }] });
    // The notices of the trial run, which counts the data loss, are not reported.
    expect(events.filter(({ type }) => type === "notice")).toHaveLength(2);
  },
);

it("the notices of a failed migration are reported, and those of the migrator's own statements are not", async () => {
  const { target } = await emptyDatabase();
  const text = `create table if not exists drizzle.__drizzle_migrations_runs (); ${raise("notice", "before")} select nothing;`;
  const { folder } = migrationsOf({ tag: "0000_a", up: text });
  const { results } = await up({ target, folder });
  expect(results).toMatchObject([{ outcome: "failed", notices: [{ severity: "NOTICE", message: "before" }] }]);
});
