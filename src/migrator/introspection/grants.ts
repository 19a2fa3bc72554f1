/** A subselect: the privileges in an ACL as one text; `*` marks a grant option. Grantors and the owner's name are omitted. */
function privileges(acl: string, owner: string): string {
  return `(
    select string_agg(who || ' ' || may, ', ' order by who collate "C")
    from (
      select who, string_agg(distinct privilege, ' ' order by privilege) as may
      from aclexplode(${acl}) as item
      cross join lateral (select
        case grantee when 0 then 'public' when ${owner} then 'the owner' else quote_ident(pg_get_userbyid(grantee)) end as who,
        (privilege_type || case when is_grantable then '*' else '' end) collate "C" as privilege) as words
      group by who) as granted)`;
}

/** The OID of the first object that a user creates: FirstNormalObjectId. Schemas are listed anyway, because of `public`. */
const firstUserObject = 16384;

const access = [
  `select 'pg_class'::regclass, oid, 0, case relkind when 'S' then 's' else 'r' end, relacl, relowner from pg_class where oid >= ${firstUserObject}`,
  `select 'pg_class'::regclass, attrelid, attnum, 'c', attacl, relowner from pg_attribute join pg_class on pg_class.oid = attrelid where attrelid >= ${firstUserObject}`,
  `select 'pg_proc'::regclass, oid, 0, 'f', proacl, proowner from pg_proc where oid >= ${firstUserObject}`,
  `select 'pg_type'::regclass, oid, 0, 'T', typacl, typowner from pg_type where oid >= ${firstUserObject}`,
  "select 'pg_namespace'::regclass, oid, 0, 'n', nspacl, nspowner from pg_namespace",
  "select 'pg_language'::regclass, oid, 0, 'l', lanacl, lanowner from pg_language",
  "select 'pg_foreign_data_wrapper'::regclass, oid, 0, 'F', fdwacl, fdwowner from pg_foreign_data_wrapper",
  "select 'pg_foreign_server'::regclass, oid, 0, 'S', srvacl, srvowner from pg_foreign_server",
].join("\nunion all\n");

/** Privileges equal to the default have no line, whether the ACL is null or explicit. */
const onObjects = `
  select 'grants', kind, format('grants on %s %s: %s', kind, name, coalesce(granted, 'nobody')), schema, part, partition
  from ours
  join (${access}) as access (classoid, objoid, objsubid, type, acl, owner)
    on (classoid, objoid, objsubid) = (ours.classid, ours.objid, ours.subid)
  cross join lateral (select ${privileges("acl", "owner")} as granted, ${privileges(`acldefault(type::"char", owner)`, "owner")} as usual) as texts
  where acl is not null and granted is distinct from usual`;

const byDefault = `
  select 'grants', 'default privileges',
    format('default privileges of %s in %s on %s: %s',
      pg_get_userbyid(defaclrole),
      coalesce(quote_ident(nspname), 'every schema'),
      case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas' else defaclobjtype::text end,
      coalesce(${privileges("defaclacl", "defaclrole")}, 'nobody')),
    null, null, false
  from pg_default_acl left join pg_namespace on pg_namespace.oid = defaclnamespace`;

/**
 * Columns have no owner. They are excluded by kind: for `subid = 0` the planner would expect a few rows, and join the
 * thousands of objects of `access` by a nested loop.
 */
export const owners = `
  select 'owner', kind, format('owner of %s %s: %s', kind, name, pg_get_userbyid(owner)), schema, part, partition
  from ours join (${access}) as access (classoid, objoid, objsubid, type, acl, owner)
    on (classoid, objoid, objsubid) = (ours.classid, ours.objid, ours.subid)
  where kind not in ('column', 'attribute')`;

export const grants = `${onObjects} union all ${byDefault}`;
