import { listOf } from "./sql-fragments.ts";

const functions = `
  select 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid), null::oid, 'pg_proc'::regclass, p.oid, 0
  from pg_proc p join space on space.oid = pronamespace where prokind <> 'a'`;

const aggregates = `
  select 'aggregate', p.oid::regprocedure::text,
    concat_ws(' ',
      pg_get_function_arguments(p.oid),
      'returns ' || pg_get_function_result(p.oid),
      'kind ' || aggkind::text,
      'transition ' || aggtransfn::regprocedure || ' ' || aggtranstype::regtype,
      'from ' || quote_literal(agginitval),
      'final ' || nullif(aggfinalfn, 0)::regprocedure,
      'combine ' || nullif(aggcombinefn, 0)::regprocedure,
      'moving ' || nullif(aggmtransfn, 0)::regprocedure,
      'sort ' || nullif(aggsortop, 0)::regoperator,
      'parallel ' || proparallel::text),
    null::oid, 'pg_proc'::regclass, p.oid, 0
  from pg_aggregate join pg_proc p on p.oid = aggfnoid join space on space.oid = pronamespace`;

const eventTriggers = `
  select 'event trigger', quote_ident(evtname),
    concat_ws(' ', 'on', evtevent, 'when ' || ${listOf("evttags")}, 'execute', evtfoid::regprocedure, 'state ' || evtenabled::text),
    null::oid, 'pg_event_trigger'::regclass, oid, 0
  from pg_event_trigger`;

export const routines = [functions, aggregates, eventTriggers];
