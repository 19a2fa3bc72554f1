import DataLoader from "dataloader";
import { is, type SQL, sql } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { isUuid } from "../validation/index.ts";
import { mapFlat } from "./flat-rows.ts";

/** Keys that one statement looks up. */
const maxKeys = 100;

/** The values of a key: UUIDs. */
export type LookupKey<Name extends string> = Readonly<Record<Name, string>>;

/** A query of Drizzle. */
// biome-ignore lint/suspicious/noExplicitAny: its type depends on its columns
export type Query = any;

interface Lookup<Name extends string> {
  /** The name of the prepared statement. */
  readonly name: string;
  /** The fields of a row that identify it: UUIDs. */
  readonly key: readonly Name[];
  /** Returns the query of the one row with this key. It selects the fields of the key, and has a limit. */
  readonly find: (key: Record<Name, SQL>) => Query;
}

/**
 * Returns a function that looks up a row by its key.
 *
 * Calls of one turn of the event loop, which receives the requests of many connections, share a statement. It takes
 * PostgreSQL and the driver little more time than a statement for one of them. In a transaction every call has its own.
 */
export function createLookup<Name extends string, Row extends LookupKey<Name>>(
  db: Executor,
  lookup: Lookup<Name>,
): (key: LookupKey<Name>) => Promise<Row | undefined> {
  const one = prepareOne<Name, Row>(lookup);
  if (is(db, PgTransaction)) return one;
  const many = prepareMany<Name, Row>(db, lookup);
  const textOf = (key: LookupKey<Name>) => lookup.key.map((field) => key[field]).join();

  const find = async (keys: readonly LookupKey<Name>[]): Promise<(Row | undefined)[]> => {
    const [first] = keys;
    // The statement for one key is planned for it.
    if (first !== undefined && keys.length === 1) return [await one(first)];
    const rows = new Map<string, Row>();
    for (const row of await many(keys)) rows.set(textOf(row), row);
    return keys.map((key) => rows.get(textOf(key)));
  };
  const loader = new DataLoader(find, { cache: false, maxBatchSize: maxKeys, batchScheduleFn: setImmediate });
  // Any other text fails: alone, and not together with the calls of others.
  return (key) => (lookup.key.every((field) => isUuid(key[field])) ? loader.load(key) : one(key));
}

function prepareOne<Name extends string, Row>({ name, key, find }: Lookup<Name>) {
  const parameters = Object.fromEntries(key.map((field) => [field, sql.placeholder(field)]));
  const prepared = mapFlat(find(parameters as unknown as Record<Name, SQL>).prepare(name));
  return async (values: LookupKey<Name>): Promise<Row | undefined> => (await prepared.execute(values))[0];
}

/**
 * Prepares the query for any number of keys.
 *
 * LATERAL with the query's limit runs it for each key, by the index that serves one. As a join, the planner may read whole
 * tables. Of the function's result it expects the same number of rows for any keys, so that it plans once.
 */
function prepareMany<Name extends string, Row>(db: Executor, { name, key, find }: Lookup<Name>) {
  const columns = key.map((field) => sql`${sql.identifier(field)} uuid`);
  const asked = sql`json_to_recordset(${sql.placeholder("keys")}::text::json) as asked(${sql.join(columns, sql`, `)})`;
  const fields = Object.fromEntries(key.map((field) => [field, sql`asked.${sql.identifier(field)}`]));
  const found = find(fields as Record<Name, SQL>).as("found");
  const select = db.select(found._.selectedFields) as Query;
  const prepared = mapFlat(select.from(asked).crossJoinLateral(found).prepare(`${name}_gathered`));
  return (keys: readonly LookupKey<Name>[]): Promise<Row[]> => prepared.execute({ keys: JSON.stringify(keys) });
}
