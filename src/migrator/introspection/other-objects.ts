import { columnNames, listOf, relationName } from "./sql-fragments.ts";

const extensions = `
  select 'extension', quote_ident(extname), format('%s in %s', extversion, extnamespace::regnamespace),
    null::oid, 'pg_extension'::regclass, oid, 0
  from pg_extension`;

/** to_jsonb covers the options that new versions of PostgreSQL add. */
const publications = `
  select 'publication', quote_ident(pubname),
    concat_ws(' ',
      to_jsonb(p) - '{oid,pubname,pubowner}'::text[],
      'tables ' || (
        select string_agg(
          concat_ws(' ', ${relationName("prrelid")}, ${columnNames("prrelid", "prattrs::int2[]")}, 'where ' || pg_get_expr(prqual, prrelid)),
          ', ' order by ${relationName("prrelid")} collate "C")
        from pg_publication_rel where prpubid = p.oid),
      'schemas ' || (select string_agg(pnnspid::regnamespace::text, ', ' order by pnnspid::regnamespace::text collate "C") from pg_publication_namespace where pnpubid = p.oid)),
    null::oid, 'pg_publication'::regclass, oid, 0
  from pg_publication p`;

const wrappers = `
  select 'foreign-data wrapper', quote_ident(fdwname),
    concat_ws(' ', nullif(fdwhandler, 0)::regprocedure, nullif(fdwvalidator, 0)::regprocedure, 'options ' || ${listOf("fdwoptions")}),
    null::oid, 'pg_foreign_data_wrapper'::regclass, oid, 0
  from pg_foreign_data_wrapper`;

const servers = `
  select 'server', quote_ident(srvname),
    concat_ws(' ', 'of', fdwname, srvtype, srvversion, 'options ' || ${listOf("srvoptions")}),
    null::oid, 'pg_foreign_server'::regclass, s.oid, 0
  from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = srvfdw`;

/** Without their options, which hold passwords. */
const userMappings = `
  select 'user mapping', format('%s on %I', case umuser when 0 then 'public' else quote_ident(usename) end, srvname), null,
    null::oid, 'pg_user_mapping'::regclass, umid, 0
  from pg_user_mappings`;

/** Objects that initdb created have lower oids (access/transam.h, FirstNormalObjectId). */
const firstOid = 16384;

/** Rare objects: the catalog, and an expression for the main part of the definition. */
const rareObjects = [
  ["pg_cast", "concat_ws(' ', nullif(castfunc, 0)::regprocedure, castcontext, castmethod)"],
  ["pg_collation", "to_jsonb(x) - '{oid,collname,collnamespace,collowner,collversion}'::text[]"],
  [
    "pg_operator",
    "concat_ws(' ', oprcode::regprocedure, oprcom::regoperator, oprnegate::regoperator, oprcanmerge, oprcanhash)",
  ],
  ["pg_opclass", "concat_ws(' ', opcintype::regtype, opcdefault, opckeytype::regtype)"],
  ["pg_opfamily", "null"],
  ["pg_language", "concat_ws(' ', lanpltrusted, lanplcallfoid::regprocedure)"],
  ["pg_conversion", "concat_ws(' ', conforencoding, contoencoding, conproc, condefault)"],
  ["pg_ts_dict", "dictinitoption"],
  [
    "pg_ts_config",
    "(select string_agg(concat_ws(' ', maptokentype, mapdict::regdictionary), ', ' order by maptokentype, mapseqno) from pg_ts_config_map where mapcfg = x.oid)",
  ],
].map(
  ([catalog, definition]) => `
  select i.type, i.identity, (${definition})::text, null::oid, '${catalog}'::regclass, x.oid, 0
  from ${catalog} x cross join pg_identify_object('${catalog}'::regclass, x.oid, 0) i
  where x.oid >= ${firstOid}`,
);

export const others = [extensions, publications, wrappers, servers, userMappings, ...rareObjects];
