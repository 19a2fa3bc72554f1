/** Remedies for psql's commands. Any other command must be removed. */
const remedies: readonly (readonly [commands: RegExp, remedy: string])[] = [
  [/^(un)?restrict$/, "pg_dump writes it for psql: remove the line"],
  [/^(c|connect)$/, "A migration runs in the database that DATABASE_URL names: remove the line"],
  [/^(copy|\.)$/, "A migration cannot read files of the client: use INSERT (pg_dump --inserts writes it)"],
  [/^(i|ir|include|include_relative)$/, "Insert the text of that file here"],
  [/^(set|unset|gset|prompt|getenv|bind|bind_named)$/, "psql variables do not exist here: write the value itself"],
  [/^(if|elif|else|endif)$/, "Use a DO block"],
  [/^(g|gx|gexec|gdesc|crosstabview|watch|;)$/, "End the statement with a semicolon"],
  [/^encoding$/, "A migration is UTF-8: remove the line"],
];

/** Returns the fault and remedy of the psql command that the backslash at `at` begins. */
export function describeCommand(text: string, at: number): string {
  const name = /^\\([a-z_]+|[^\s\w]|[A-Z])/i.exec(text.slice(at, at + 64))?.[1] ?? "";
  const remedy = remedies.find(([commands]) => commands.test(name))?.[1] ?? "Remove it";
  return `\\${name} is a command of psql and not SQL. ${remedy}.`;
}

/** Returns the fault and remedy of the psql variable that the colon at `at` begins. */
export function describeVariable(text: string, at: number): string {
  const name = /^:(?:'[^'\n]*'|"[^"\n]*"|\{[^}\n]*\}|[\w$\u0080-\uffff]+)/.exec(text.slice(at, at + 128))?.[0] ?? ":";
  return `${name} is a variable of psql and does not exist here. Write the value itself.`;
}
