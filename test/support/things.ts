import { isNull, sql } from "drizzle-orm";
import { integer, jsonb, pgTable, text, uuid, varchar } from "drizzle-orm/pg-core";
import type postgres from "postgres";
import { systemActor } from "../../src/database/actor.ts";
import type { Executor } from "../../src/database/executor.ts";
import { createCursors } from "../../src/query/cursor.ts";
import { createScanGuard } from "../../src/query/scan-guard.ts";
import type { Definition } from "../../src/repositories/definition.ts";
import { SoftDeleteRepository } from "../../src/repositories/soft-delete.ts";
import { createdAt, lower } from "../../src/schema/columns.ts";
import { instant } from "../../src/schema/instant.ts";
import { serviceUser } from "./database.ts";

/** A table for tests of the generic repository, with every kind of column that it supports. */
export const things = pgTable("things", {
  id: uuid().primaryKey().defaultRandom(),
  name: varchar({ length: 50 }).notNull(),
  level: integer().notNull().default(1),
  note: text().default("none yet"),
  tags: text().array().notNull().default([]),
  data: jsonb().$type<Record<string, unknown>>().notNull().default({}),
  at: instant("happened_at"),
  createdAt: createdAt(),
  updatedAt: instant("updated_at").notNull().default(sql`now()`),
  deletedAt: instant("deleted_at"),
});

export async function createThings(on: postgres.Sql): Promise<void> {
  await on.unsafe(`
    create unlogged table things (
      id uuid primary key default gen_random_uuid(),
      name varchar(50) not null,
      level integer not null default 1 constraint things_level_check check (level between 0 and 99),
      note text default 'none yet',
      tags text[] not null default '{}',
      data jsonb not null default '{}',
      happened_at timestamptz,
      created_at timestamptz not null default current_timestamp,
      updated_at timestamptz not null default current_timestamp,
      deleted_at timestamptz
    );
    create unique index things_name_key on things (lower(name));
    create index on things (created_at, id) where deleted_at is null;
    create trigger things_set_updated_at before insert or update on things for each row execute function set_updated_at();
    select record_changes_of('things', 'id', '{}', '{updated_at}');
    grant select, insert, update, delete on things to ${serviceUser()};`);
}

export interface Thing {
  id: string;
  name: string;
  level: number;
  note: string | null;
  data: Record<string, unknown>;
  at: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

export const thingDefinition: Definition<typeof things, Thing> = {
  table: things,
  key: things.id,
  noun: "thing",
  columns: {
    id: things.id,
    name: things.name,
    level: things.level,
    note: things.note,
    data: things.data,
    at: things.at,
    createdAt: things.createdAt,
    updatedAt: things.updatedAt,
  },
  visible: isNull(things.deletedAt),
  version: things.updatedAt,
  unique: ["name"],
  normalizations: {
    name: {
      equal: lower(things.name),
      order: lower(things.name),
      normalize: (text) => sql`lower(${text} collate "C")`,
    },
  },
  indexPaths: [{ equal: ["id"], selective: true }, { equal: ["name"], selective: true }, { sort: ["createdAt"] }],
  defaultSort: { field: "createdAt", direction: "asc" },
};

export class ThingRepository extends SoftDeleteRepository<typeof things, Thing> {}

export const thingsOn = (db: Executor, options: { scanLimit?: number } = {}): ThingRepository =>
  new ThingRepository(
    {
      db,
      cursors: createCursors([Buffer.from("signs things")]),
      scanGuard: createScanGuard({ scanLimit: options.scanLimit ?? 100_000 }),
    },
    thingDefinition,
  );

export const testActor = systemActor("test");
