import { relationName } from "./sql-fragments.ts";

/**
 * Excludes NOT NULL constraints, which are listed with the columns; constraint triggers, which are listed with the
 * triggers; and constraints that PostgreSQL derives from a foreign key for each partition of the referenced table.
 */
const constraints = `
  select 'constraint', format('%I on %s', conname, ${relationName("conrelid")}),
    concat_ws(' ', pg_get_constraintdef(k.oid), case when not convalidated then 'unvalidated' end),
    conrelid, 'pg_constraint'::regclass, k.oid, 0
  from pg_constraint k join space on space.oid = connamespace
  where conrelid <> 0 and contype not in ('n', 't')
    and not exists (select from pg_constraint parent where parent.oid = k.conparentid and parent.conrelid = k.conrelid)`;

const indexes = `
  select 'index', format('%I.%I', nspname, c.relname),
    concat_ws(' ',
      pg_get_indexdef(indexrelid),
      case when not indisvalid then 'invalid' end,
      case when indisclustered then 'clustered' end,
      case when indisreplident then 'replica identity' end,
      'attached to ' || (select ${relationName("inhparent")} from pg_inherits where inhrelid = indexrelid),
      'tablespace ' || (select spcname from pg_tablespace where pg_tablespace.oid = c.reltablespace)),
    indrelid, 'pg_class'::regclass, indexrelid, 0
  from pg_index join pg_class c on c.oid = indexrelid join space on space.oid = c.relnamespace`;

const enabled = (state: string) =>
  `case ${state} when 'D' then 'disabled' when 'R' then 'on replicas' when 'A' then 'always' end`;

const triggers = `
  select 'trigger', format('%I on %I.%I', tgname, nspname, relname),
    concat_ws(' ', pg_get_triggerdef(t.oid), ${enabled("tgenabled")}),
    tgrelid, 'pg_trigger'::regclass, t.oid, 0
  from pg_trigger t join pg_class c on c.oid = tgrelid join space on space.oid = relnamespace
  where not tgisinternal`;

const rules = `
  select 'rule', format('%I on %I.%I', rulename, nspname, relname),
    concat_ws(' ', pg_get_ruledef(r.oid), ${enabled("ev_enabled")}),
    ev_class, 'pg_rewrite'::regclass, r.oid, 0
  from pg_rewrite r join pg_class c on c.oid = ev_class join space on space.oid = relnamespace
  where rulename <> '_RETURN'`;

const policies = `
  select 'policy', format('%I on %I.%I', polname, nspname, relname),
    concat_ws(' ',
      case when polpermissive then 'permissive' else 'restrictive' end,
      'for ' || case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      'to ' || (select string_agg(case role when 0 then 'public' else quote_ident(pg_get_userbyid(role)) end, ', ' order by pg_get_userbyid(role) collate "C") from unnest(polroles) role),
      'using ' || pg_get_expr(polqual, polrelid),
      'with check ' || pg_get_expr(polwithcheck, polrelid)),
    polrelid, 'pg_policy'::regclass, p.oid, 0
  from pg_policy p join pg_class c on c.oid = polrelid join space on space.oid = relnamespace`;

const statistics = `
  select 'statistics', format('%I.%I', nspname, stxname),
    concat_ws(' ', pg_get_statisticsobjdef(s.oid), 'target ' || nullif(stxstattarget, -1)),
    stxrelid, 'pg_statistic_ext'::regclass, s.oid, 0
  from pg_statistic_ext s join space on space.oid = stxnamespace`;

export const tableParts = [constraints, indexes, triggers, rules, policies, statistics];
