import type { Sql } from "postgres";
import type { LockMode } from "../impact/lock-modes.ts";
import { type RelationStates, readRelationStates } from "./relation-states.ts";

/** The relations of a database and the locks of this session, between two statements. */
export interface LockSnapshot {
  readonly tables: RelationStates;
  /** Lock modes that this session holds, by the oid of the table or index. */
  readonly locks: ReadonlyMap<string, readonly LockMode[]>;
}

export async function readLockSnapshot(sql: Sql): Promise<LockSnapshot> {
  return { tables: await readRelationStates(sql), locks: await readLocks(sql) };
}

async function readLocks(sql: Sql): Promise<Map<string, LockMode[]>> {
  const rows = await sql<{ oid: string; modes: LockMode[] }[]>`
    select relation::text as oid, array_agg(mode) as modes from pg_locks
    where pid = pg_backend_pid() and locktype = 'relation' and granted
      and database = (select oid from pg_database where datname = current_database())
    group by relation`.simple();
  return new Map(rows.map(({ oid, modes }) => [oid, modes]));
}
