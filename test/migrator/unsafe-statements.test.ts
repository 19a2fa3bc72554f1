import { expect, it } from "vitest";
import { findUnsafeStatements } from "../../src/migrator/lint/unsafe-statements.ts";

const unsafeIn = async (sql: string) =>
  (await findUnsafeStatements({ file: "x.sql", sql, noTransaction: false })).map(
    (fault) => /migrate-ignore (\S+) <reason>$/.exec(fault)?.[1],
  );

it.each([
  ["truncate users;", ["truncate"]],
  ["delete from users;", ["delete-all"]],
  ["with gone as (delete from users returning *) insert into archive select * from gone;", ["delete-all"]],
  ["update users set name = 'x';", ["update-all"]],
  ["merge into users u using old o on u.id = o.id when matched then delete;", ["merge-delete"]],
  ["drop table users cascade;", ["cascade"]],
  ["alter table users drop column id cascade;", ["cascade"]],
  ["do $$ begin execute 'drop table users'; end $$;", ["do-block"]],
  ["do $$ begin\n  delete from users;\nend $$;", ["do-block"]],
  ["cluster users using users_pkey;", ["cluster"]],
  ["vacuum full users;", ["vacuum-full"]],
  ["vacuum (full, analyze) users;", ["vacuum-full"]],
  ["delete from users where id = 1; update users set name = 'x' where id = 1;", []],
  ["create table a (id int references users on delete cascade on update cascade);", []],
  ["create function f() returns void language sql begin atomic delete from users; end;", []],
  ["do $$ begin update users set name = 'x' where id = 1; perform 1; end $$;", []],
  ["insert into users values (1) on conflict (id) do update set name = 'x';", []],
  ["vacuum users;", []],
  ["-- migrate-ignore truncate nobody has used it\n-- so far\ntruncate users;", []],
  ["-- migrate-ignore truncate\ntruncate users;", ["truncate"]],
  ["-- migrate-ignore cascade nobody\ntruncate users;", ["truncate"]],
  ["-- migrate-ignore truncate nobody\ntruncate users;\ntruncate users;", ["truncate"]],
  ["-- migrate-ignore truncate nobody\n--> statement-breakpoint\ntruncate users;", ["truncate"]],
])("check reports the unsafe statements of %s", async (sql, expected) => {
  expect(await unsafeIn(sql)).toEqual(expected);
});

it("check reports the position, the problem and the comment that permits it", async () => {
  expect(
    await findUnsafeStatements({ file: "x.sql", sql: "select 1;\n\ntruncate users;", noTransaction: false }),
  ).toEqual([
    "x.sql:3: TRUNCATE empties a table. If this is intended, write above it: -- migrate-ignore truncate <reason>",
  ]);
});
