const inSpace = "from pg_type t join space on space.oid = typnamespace";
const address = "null::oid, 'pg_type'::regclass, t.oid, 0";
const name = "format('%I.%I', nspname, typname)";

const enums = `
  select 'enum', ${name},
    (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid), ${address}
  ${inSpace} where typtype = 'e'`;

const domains = `
  select 'domain', ${name},
    concat_ws(' ',
      format_type(typbasetype, typtypmod),
      'collate ' || nullif(typcollation, (select b.typcollation from pg_type b where b.oid = t.typbasetype))::regcollation,
      case when typnotnull then 'not null' end,
      'default ' || coalesce(pg_get_expr(typdefaultbin, 0), typdefault)),
    ${address}
  ${inSpace} where typtype = 'd'`;

const domainConstraints = `
  select 'constraint', format('%I on domain %s', conname, ${name}),
    concat_ws(' ', pg_get_constraintdef(k.oid), case when not convalidated then 'unvalidated' end),
    null::oid, 'pg_constraint'::regclass, k.oid, 0
  from pg_constraint k join pg_type t on t.oid = contypid join space on space.oid = typnamespace where contype <> 'n'`;

/** The attributes are listed with the columns. */
const composites = `
  select 'type', ${name}, null, ${address}
  ${inSpace} where typtype = 'c' and exists (select from pg_class c where c.oid = typrelid and relkind = 'c')`;

const ranges = `
  select 'range', ${name},
    concat_ws(' ',
      'of ' || rngsubtype::regtype,
      'collate ' || nullif(rngcollation, (select b.typcollation from pg_type b where b.oid = rngsubtype))::regcollation,
      (select format('class %I.%I', opcnamespace::regnamespace, opcname) from pg_opclass where pg_opclass.oid = rngsubopc),
      'canonical ' || nullif(rngcanonical, 0)::regproc,
      'difference ' || nullif(rngsubdiff, 0)::regproc,
      'multirange ' || rngmultitypid::regtype),
    ${address}
  from pg_range join pg_type t on t.oid = rngtypid join space on space.oid = typnamespace`;

/** Includes shell types, excludes array types. */
const base = `
  select 'base type', ${name},
    concat_ws(' ', typinput::regprocedure, typoutput::regprocedure, typlen, typalign, typstorage, typcategory, typdelim),
    ${address}
  ${inSpace} where typtype in ('b', 'p')
    and not exists (select from pg_type element where element.typarray = t.oid)`;

export const types = [enums, domains, domainConstraints, composites, ranges, base];
