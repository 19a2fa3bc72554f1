import type { Sql } from "postgres";
import { reveals, type Secret } from "./secret-forms.ts";

/** Text that the service has sent, logged or stored. */
export interface Evidence {
  readonly place: string;
  readonly text: string;
}

/** Every value of every table of the database, by column. */
export async function dumpColumns(sql: Sql): Promise<Evidence[]> {
  const tables = await sql`
    select nspname as schema, relname as name from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema') order by 1, 2`;
  const dumps = await Promise.all(
    tables.map(async ({ schema, name }) => {
      const rows = await sql`select to_jsonb(one) as values from ${sql(`${schema}.${name}`)} as one`;
      const columns = new Map<string, string[]>();
      for (const row of rows)
        for (const [column, value] of Object.entries(row["values"]))
          columns.set(column, [
            ...(columns.get(column) ?? []),
            typeof value === "string" ? value : JSON.stringify(value),
          ]);
      return [...columns].map(([column, texts]) => ({ place: `${name}.${column}`, text: texts.join("\n") }));
    }),
  );
  return dumps.flat();
}

/** The places of a secret: those where it may not be stored, and the columns where it may. */
export function placesOf(secret: Secret, evidence: readonly Evidence[]) {
  const found = evidence.filter(({ text }) => reveals(text, secret.forms)).map(({ place }) => place);
  return {
    stored: found.filter((place) => secret.stored.includes(place)),
    others: found.filter((place) => !secret.stored.includes(place)),
  };
}
