import { grants, owners } from "./grants.ts";
import { others } from "./other-objects.ts";
import { relations } from "./relations.ts";
import { routines } from "./routines.ts";
import { isUserSchema } from "./sql-fragments.ts";
import { tableParts } from "./table-parts.ts";
import { types } from "./types.ts";

/**
 * Each section selects (kind, name, definition, relid, classid, objid, subid): the object, the relation that it belongs
 * to, and its address in pg_depend and pg_description.
 */
const sections = [...relations, ...tableParts, ...types, ...routines, ...others];

/** Selects the lines of the catalog, with the columns by which the caller filters them. */
export const catalogQuery = `
  with space as (
    select oid, nspname from pg_namespace where ${isUserSchema}
  ),
  extension_member as (
    select classid, objid from pg_depend where deptype = 'e'
    -- Attributes of composite types and constraints of domains are members through their type.
    union all
    select 'pg_class'::regclass, typrelid from pg_depend join pg_type on pg_type.oid = objid
    where deptype = 'e' and classid = 'pg_type'::regclass and typrelid <> 0
    union all
    select 'pg_constraint'::regclass, pg_constraint.oid from pg_depend join pg_constraint on contypid = objid
    where deptype = 'e' and classid = 'pg_type'::regclass
  ),
  object (kind, name, definition, relid, classid, objid, subid) as (
    ${sections.join("\nunion all\n")}
  ),
  ours as (
    select o.*, n.nspname as schema, coalesce(r.relname, p.proname) as part, coalesce(r.relispartition, false) as partition
    from object o
    left join pg_class r on r.oid = o.relid
    left join pg_proc p on o.classid = 'pg_proc'::regclass and p.oid = o.objid
    left join pg_namespace n on n.oid = coalesce(r.relnamespace, p.pronamespace, case kind when 'schema' then objid end)
    where (o.classid, o.objid) not in (table extension_member)
      and ('pg_class'::regclass, coalesce(o.relid, 0)) not in (table extension_member)
  )
  select 'object' as about, kind, concat_ws(' ', kind, name, nullif(definition, '')) as line, schema, part, partition
  from ours
  union all
  select 'comment', kind, format('comment on %s %s: %s', kind, name, description), schema, part, partition
  from ours join pg_description d on (d.classoid, d.objoid, d.objsubid) = (ours.classid, ours.objid, ours.subid)
  union all
  ${owners}
  union all
  ${grants}`;
