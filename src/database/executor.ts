import type { PgDatabase } from "drizzle-orm/pg-core";
import type { PostgresJsDatabase, PostgresJsQueryResultHKT } from "drizzle-orm/postgres-js";

/** The connection pool. */
export type Db = PostgresJsDatabase;

/** What a repository runs its queries on: the pool, or the caller's transaction. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;
