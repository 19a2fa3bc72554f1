/** What to do about psql's commands; those that are not here are to be removed. */
const remedies: readonly (readonly [commands: RegExp, remedy: string])[] = [
  [/^(un)?restrict$/, "pg_dump writes it for psql: remove the line"],
  [/^(c|connect)$/, "A migration runs in the database that DATABASE_URL names: remove the line"],
  [/^(copy|\.)$/, "A migration has no client's file to read: use insert (pg_dump --inserts writes them)"],
  [/^(i|ir|include|include_relative)$/, "Put the text of that file here"],
  [/^(set|unset|gset|prompt|getenv|bind|bind_named)$/, "psql's variables are unknown here: write the value itself"],
  [/^(if|elif|else|endif)$/, "Use a DO block"],
  [/^(g|gx|gexec|gdesc|crosstabview|watch|;)$/, "End the statement with a semicolon"],
  [/^encoding$/, "A migration is UTF-8: remove the line"],
];

/** Says which command of psql a backslash outside of quotes begins. */
export function describeCommand(text: string, at: number): string {
  const name = /^\\([a-z_]+|[^\s\w]|[A-Z])/i.exec(text.slice(at, at + 64))?.[1] ?? "";
  const remedy = remedies.find(([commands]) => commands.test(name))?.[1] ?? "Remove it";
  return `\\${name} is a command of psql and not SQL. ${remedy}.`;
}

/** Says which variable of psql a colon begins. */
export function describeVariable(text: string, at: number): string {
  const name = /^:(?:'[^'\n]*'|"[^"\n]*"|\{[^}\n]*\}|[\w$\u0080-\uffff]+)/.exec(text.slice(at, at + 128))?.[0] ?? ":";
  return `${name} is a variable of psql, and unknown here. Write the value itself.`;
}
