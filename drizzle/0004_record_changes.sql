-- Every change of users, user_security and user_sessions leaves a row in the audit trail, in the same
-- transaction and by trigger: whoever makes it, and in whatever way.

-- Whoever waits for a table makes everybody wait who comes later: so not for long.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Names mean what is in public, whatever the role's search_path: drizzle-kit sets none.
set local search_path = public;
--> statement-breakpoint

-- The role that logged in, and not one that it has taken on since.
alter table audit_log alter column actor set default ('db:' || session_user);
--> statement-breakpoint

-- Before the first release the trail is empty, and building these takes no time.
-- squawk-ignore require-concurrent-index-creation
create index idx_audit_actor on audit_log (actor, created_at desc);
--> statement-breakpoint
-- squawk-ignore require-concurrent-index-creation
create index idx_audit_action on audit_log (action, created_at desc);
--> statement-breakpoint

create function refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'TRUNCATE of % would leave no trail', tg_table_name
    using errcode = 'feature_not_supported', hint = 'Use DELETE, which is recorded row by row.';
end;
$$;
--> statement-breakpoint

-- JSON as the trail takes it: a value that the checks of `audit_log.changes` would refuse becomes its text.
create function audit_json(value jsonb) returns jsonb
language sql immutable
return case
  when value::text like any (array['%"__proto__":%', '%"constructor":%', '%"prototype":%'])
      and coalesce(value @? 'strict $.** ? (@.type() == "object").keyvalue() ? (@.key == "__proto__" || @.key == "constructor" || @.key == "prototype")', true)
    or coalesce(value @? 'strict $.**{33 to last}', true)
  then to_jsonb(value::text) else value end;
--> statement-breakpoint

-- How each column of a table is recorded. A tag in the column's comment declares it, because a comment survives a
-- rename, a dump and a restore: [secret] (the trail says that it changed, never what it holds), [unrecorded] (a change
-- of it alone is none), [recorded]. A column without one of these is recorded with its values, unless its name says that it
-- holds a secret. Of a deleted row every column is recorded: [secret] [unrecorded] keeps a value out of that, too. The tag
-- [subject] is for audit_statement: the column has the account that a row is about.
--
-- `form` is how a value is written: as it is, as JSON that was checked, or as its text, which every type has. Only `simple`
-- types are compared by their operator, all others by their bytes: json, xml and point have no equality, and numeric finds
-- 1.0 and 1.00 equal.
create function audit_columns(recorded regclass) returns table (name name, class text, form text, simple boolean, hidden boolean)
language sql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
as $$
  with recursive columns as (
    select attnum, attname, atttypid, attcollation, attgenerated, coalesce(col_description(attrelid, attnum), '') as comment
    from pg_attribute where attrelid = recorded and attnum > 0 and not attisdropped
  ), types (attnum, type) as (
    select attnum, atttypid from columns
    union all
    select attnum, typbasetype from types join pg_type on oid = type where typtype = 'd'
  )
  select attname,
    case
      -- A virtual column is computed when it is read: no row that a trigger sees holds it (PostgreSQL 18).
      when attgenerated = 'v' then 'unrecorded'
      when comment ~ '\[unrecorded\]' then 'unrecorded'
      when protected.hidden then 'secret'
      else 'recorded'
    end,
    case
      when builtin.is and typname in ('jsonb', '_jsonb') then 'json'
      when typtype = 'e' or builtin.is and typname not in ('json', '_json') then 'value'
      else 'text'
    end,
    builtin.is and typname in ('bool', 'int2', 'int4', 'int8', 'uuid', 'text', 'varchar', 'date', 'timestamp', 'timestamptz')
      and not exists (select from pg_collation where oid = attcollation and not collisdeterministic),
    protected.hidden
  from columns join types using (attnum) join pg_type on pg_type.oid = type
  cross join lateral (select typnamespace = 'pg_catalog'::regnamespace as is) as builtin
  cross join lateral (select case
      when comment ~ '\[secret\]' then true
      when comment ~ '\[(un)?recorded\]' then false
      else typcategory not in ('B', 'D')
        and attname ~* '(pass_?(word|wd|code|phrase|key)|pwd|secret|token|hash|salt|credential|(private|api|access)_?key|recovery|signature|(^|_)(pin|otp|totp|seed|mnemonic)(_|$))'
    end as hidden) as protected
  where typtype <> 'd' order by attnum
$$;
--> statement-breakpoint

-- The statement that writes the trail of the rows of one statement (old_rows, new_rows), for a table as it is now.
-- `given` are the SQL of: acting user, resource type, address, user agent, actor, request, and the acting user also if it
-- is gone.
create function audit_statement(recorded regclass, event text, given text[]) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
as $$
declare
  -- The primary key; of a table that inherits, its parent's, because keys are not inherited.
  keys constant name[] := coalesce((
    with recursive family (relid, distance) as (
      select recorded::oid, 0 union all select inhparent, distance + 1 from pg_inherits join family on inhrelid = relid
    )
    select array(select attname from pg_attribute where attrelid = indrelid and attnum = any (indkey) order by array_position(indkey::int2[], attnum))
    from pg_index join family on relid = indrelid where indisprimary order by distance limit 1
  ), '{}');
  subject constant name := (
    select attname from pg_attribute
    where attrelid = recorded and attnum > 0 and not attisdropped and atttypid = 'uuid'::regtype and col_description(attrelid, attnum) ~ '\[subject\]'
    order by attnum limit 1);
  keyed boolean;
  compared text;
  values_before text;
  values_after text;
  key text;
begin
  with recorded_columns as (
    select simple, name, class,
      -- A key of an object that no JavaScript client could be given.
      case when name in ('__proto__', 'constructor', 'prototype') then '"' || name || '"' else name end as label,
      case when hidden then format('case when num_nulls(side.%I) = 0 then to_jsonb(''[secret]''::text) end', name)
        when form = 'json' then format('public.audit_json(to_jsonb(side.%I))', name)
        when form = 'text' then format('to_jsonb(side.%I::text)', name)
        else format('to_jsonb(side.%I)', name) end as value
    from public.audit_columns(recorded)
  ), sides as (
    select *, regexp_replace(value, '\mside\.', 'before.') as before, regexp_replace(value, '\mside\.', 'after.') as after from recorded_columns
  )
  select string_agg(format('case when %s then jsonb_build_object(%L, jsonb_build_array(%s, %s)) else ''{}'' end',
      case when simple then format('before.%1$I is distinct from after.%1$I', name)
        else format('record_image_ne(row(before.%1$I), row(after.%1$I))', name) end,
      label, before, after), E'\n      || ') filter (where class <> 'unrecorded'),
    -- Of a row that is gone everything is of interest.
    string_agg(format('(%L, %s)', label, before), ', '),
    string_agg(format('(%L, %s)', label, after), ', ') filter (where class <> 'unrecorded')
  into compared, values_before, values_after from sides;

  -- Rows are paired by a key that a built-in operator compares, else by their order, which is the same in both.
  select bool_and(typnamespace = 'pg_catalog'::regnamespace and typname in ('uuid', 'int2', 'int4', 'int8', 'text', 'varchar', 'numeric', 'date', 'timestamptz', 'timestamp'))
  into keyed from pg_attribute join pg_type on pg_type.oid = atttypid where attrelid = recorded and attname = any (keys);
  select string_agg(format(case event when 'UPDATE' then 'coalesce(before.%1$I::text, after.%1$I::text)' when 'INSERT' then 'after.%1$I::text' else 'before.%1$I::text' end, one), $sql$ || ',' || $sql$)
  into key from unnest(keys) as one;

  -- OFFSET 0: the columns are compared once, and not once for each place that reads the result.
  return format($sql$insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, actor, request_id, acting_id, subject_id)
    select %s, %L, %s, left(%s, 255), written.columns, %s, %s, %s, %s, %s, %s
    from %s
    cross join lateral (select coalesce(%s, '{}') as columns offset 0) as written%s$sql$,
    given[1], lower(event), given[2], coalesce(key, 'null'), given[3], given[4], given[5], given[6], given[7],
    case when subject is null then 'null'
      else format(case event when 'UPDATE' then 'coalesce(after.%1$I, before.%1$I)' when 'INSERT' then 'after.%1$I' else 'before.%1$I' end, subject) end,
    case
      when event = 'INSERT' then 'new_rows as after'
      when event = 'DELETE' then 'old_rows as before'
      -- Full: a row that was given another key is recorded under both.
      when keyed then 'old_rows as before full join new_rows as after on '
        || (select string_agg(format('before.%1$I = after.%1$I', one), ' and ') from unnest(keys) as one)
      else '(select old_rows as old_row, row_number() over () as place from old_rows) as earlier
    join (select new_rows as new_row, row_number() over () as place from new_rows) as later using (place)
    cross join lateral (select (old_row).*) as before cross join lateral (select (new_row).*) as after'
    end,
    case event
      when 'UPDATE' then compared
      when 'INSERT' then format('(select jsonb_object_agg(key, jsonb_build_array(null, value)) from (values %s) as given (key, value) where value is not null)', values_after)
      else format('(select jsonb_object_agg(key, jsonb_build_array(value, null)) from (values %s) as given (key, value) where value is not null)', values_before)
    end,
    case event when 'UPDATE' then E'\n    where written.columns <> ''{}''' else '' end);
end;
$$;
--> statement-breakpoint

-- A transaction sees a catalog as old as its snapshot, but its statements a table as it is now. It must not write a
-- trail that misses columns: it fails like one that could not be serialized, and can be run again.
create function audit_refuse_stale(recorded regclass, columns text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
as $$
begin
  if exists (
    (select attname from pg_attribute where attrelid = recorded and attnum > 0 and not attisdropped) except select unnest(columns)
    union all
    (select unnest(columns) except select attname from pg_attribute where attrelid = recorded and attnum > 0 and not attisdropped)
  ) then
    raise exception 'the columns of % changed after this transaction began', recorded
      using errcode = 'serialization_failure', hint = 'Run the transaction again.';
  end if;
end;
$$;
--> statement-breakpoint

-- The body of a table's trigger. It writes the trail by statements that were made for the columns of the table as it
-- was then, as long as it has these and no others; else by statements made for those that it has now. So the trail
-- follows the table, whoever changes it and in whatever way; refresh_change_recorders() makes it fast again.
--
-- Once a statement, not once a row: a bulk load writes its trail in one go. Who acts is in the setting audit.context,
-- JSON with actor, userId, ipAddress, userAgent and requestId, that the service sets in the same statement; without
-- it, it is the role that logged in. The setting is believed of roles that may write into the trail themselves, as the
-- service's may: others could say that they are anybody. The function runs with its owner's rights, because whoever
-- may change a table may not therefore write into the trail; so nobody else may make a trigger of it, on a table of
-- their own with types of their own.
create function audit_recorder(recorded regclass) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
as $generator$
declare
  -- Names, types and comments of the columns, in any order and without their numbers, which a column that is dropped and
  -- added again does not keep. Two scans, because joining them takes twice as long.
  fingerprint constant text := $sql$coalesce((
      select bit_xor(hashtextextended(attname::text, atttypid::int8)) from pg_attribute
      where attrelid = <table> and attnum > 0 and not attisdropped), 0)
    # coalesce((
      select bit_xor(hashtextextended(description, hashtext((select attname::text from pg_attribute where attrelid = objoid and attnum = objsubid))))
      from pg_description where objoid = <table> and classoid = 'pg_class'::regclass and objsubid > 0), 0)$sql$;
  given constant text[] := '{recording.acting_user,recording.resource,recording.address,recording.user_agent,recording.actor,recording.request,recording.acting_id}';
  known bigint;
begin
  execute 'select ' || replace(fingerprint, '<table>', recorded::oid::text) into known;
  return format($body$
<<recording>>
declare
  -- A role that was taken on is one that the login is a member of.
  taken_on constant text := nullif(current_setting('role'), 'none');
  context constant jsonb := case when has_column_privilege(coalesce(taken_on, session_user), 'public.audit_log', 'actor', 'insert')
    then nullif(current_setting('audit.context', true), '') end;
  actor constant text := coalesce(context ->> 'actor', 'db:' || session_user);
  acting_id constant uuid := context ->> 'userId';
  acting_user uuid := acting_id;
  address constant inet := context ->> 'ipAddress';
  user_agent constant text := context ->> 'userAgent';
  request constant text := context ->> 'requestId';
  resource text := left(case when tg_table_schema = 'public' then '' else tg_table_schema || '.' end || tg_table_name, 50);
  -- Whether the catalog, as this transaction sees it, is the one that holds now.
  is_current constant boolean := current_setting('transaction_isolation') in ('read committed', 'read uncommitted');
  seen text[];
begin
  -- Nobody, once the account is gone, or is just going: it may be the one that this very statement deletes.
  if recording.acting_user is not null then
    select users.id into recording.acting_user from public.users where users.id = recording.acting_user;
  end if;
  if pg_partition_root(tg_relid) <> tg_relid then
    select left(case when nspname = 'public' then '' else nspname || '.' end || relname, 50) into recording.resource
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = pg_partition_root(tg_relid);
  end if;

  if recording.is_current and %s = %s then
    if tg_op = 'UPDATE' then
    %s;
    elsif tg_op = 'INSERT' then
    %s;
    else
    %s;
    end if;
    return null;
  end if;

  if not recording.is_current then
    execute format('select array_agg(key) from json_object_keys((select row_to_json(one) from (select rows.* from (values (1)) as one_row left join %%I as rows on false) as one)) as key',
      case tg_op when 'DELETE' then 'old_rows' else 'new_rows' end) into recording.seen;
    perform public.audit_refuse_stale(tg_relid, recording.seen);
  end if;
  execute public.audit_statement(tg_relid, tg_op, '{$1,$2,$3,$4,$5,$6,$7}')
  using recording.acting_user, recording.resource, recording.address, recording.user_agent, recording.actor, recording.request, recording.acting_id;
  return null;
end;
$body$, replace(fingerprint, '<table>', 'tg_relid'), known, public.audit_statement(recorded, 'UPDATE', given), public.audit_statement(recorded, 'INSERT', given),
    public.audit_statement(recorded, 'DELETE', given));
end;
$generator$;
--> statement-breakpoint

-- Has every change of a table recorded, and declares its columns by tags in their comments (see audit_columns). Rows
-- that are written to its partitions, or to tables that inherit from it, by their own names are recorded, too, of those
-- that exist: call it again for new ones. Arguments: the primary key; secret columns; columns whose change alone is none.
create function record_changes_of(recorded regclass, key_column name default null, secret_columns name[] default '{}', unrecorded_columns name[] default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
as $$
declare
  recorder text;
  unknown name;
  tagged record;
  relation regclass;
  event text[];
begin
  select given into unknown from unnest(key_column || secret_columns || unrecorded_columns) as given
  where given is not null and not exists (select from pg_attribute where attrelid = recorded and attname = given and attnum > 0 and not attisdropped);
  if unknown is not null then
    raise exception '% has no column %', recorded, unknown using errcode = 'undefined_column';
  end if;
  if key_column is not null and not exists (
    select from pg_index join pg_attribute on attrelid = indrelid and attnum = any (indkey) where indrelid = recorded and indisprimary and attname = key_column
  ) then
    raise exception '% is not in the primary key of %', key_column, recorded using errcode = 'invalid_parameter_value';
  end if;

  select case when nspname = 'public' then relname else nspname || '.' || relname end into recorder
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = recorded;
  recorder := 'record_change_of_' || case when octet_length(recorder) > 46 then md5(recorder) else recorder end;
  if exists (
    select from pg_trigger join pg_proc on pg_proc.oid = tgfoid
    where pronamespace = 'public'::regnamespace and proname = recorder and tgrelid <> recorded
      and not exists (with recursive family (relid) as (select recorded::oid union all select inhrelid from pg_inherits join family on inhparent = relid)
        select from family where relid = tgrelid)
  ) then
    raise exception 'public.% records the changes of another table', recorder using errcode = 'duplicate_function';
  end if;

  for tagged in
    select attname, col_description(recorded, attnum) as comment, case when attname = any (secret_columns) then '[secret]' else '[unrecorded]' end as tag
    from pg_attribute where attrelid = recorded and attnum > 0 and not attisdropped and attname = any (secret_columns || unrecorded_columns)
  loop
    continue when position(tagged.tag in coalesce(tagged.comment, '')) > 0;
    execute format('comment on column %s.%I is %L', recorded, tagged.attname,
      concat_ws(' ', nullif(trim(regexp_replace(tagged.comment, '\[(secret|unrecorded|recorded)\]', '', 'g')), ''), tagged.tag));
  end loop;

  execute format('create or replace function public.%I() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as %L',
    recorder, public.audit_recorder(recorded));
  execute format('revoke execute on function public.%I() from public', recorder);
  execute format('comment on function public.%I() is %L', recorder,
    'Writes a statement''s rows of the audit trail; made by record_changes_of, who acts is in the setting audit.context.');

  for relation in
    with recursive family (relid) as (select recorded::oid union select inhrelid from pg_inherits join family on inhparent = relid)
    select relid from family
  loop
    foreach event slice 1 in array array[
      ['insert', 'new table as new_rows'],
      ['update', 'old table as old_rows new table as new_rows'],
      ['delete', 'old table as old_rows']
    ] loop
      execute format('create or replace trigger %I after %s on %s referencing %s for each statement execute function public.%I()',
        'record_' || event[1], event[1], relation, event[2], recorder);
    end loop;
    execute format('create or replace trigger refuse_truncate before truncate on %s for each statement execute function public.refuse_truncate()', relation);
  end loop;
end;
$$;
--> statement-breakpoint

-- Makes the recorders anew that were made for other columns than their tables have now, and returns the tables. The trail
-- is complete without: it saves making a statement for each change. It locks no table.
create function refresh_change_recorders() returns setof regclass
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
as $$
declare
  recorded record;
  body text;
begin
  perform pg_advisory_xact_lock(hashtextextended('refresh_change_recorders', 0));
  for recorded in
    select tgrelid::regclass as relation, proname, prosrc from pg_trigger join pg_proc on pg_proc.oid = tgfoid
    where tgname = 'record_update' and not tgisinternal and pronamespace = 'public'::regnamespace and starts_with(proname, 'record_change_of_')
      and pg_has_role(proowner, 'usage')
      and not exists (select from pg_inherits where inhrelid = tgrelid)
  loop
    body := public.audit_recorder(recorded.relation);
    continue when body = recorded.prosrc;
    execute format('create or replace function public.%I() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as %L',
      recorded.proname, body);
    return next recorded.relation;
  end loop;
end;
$$;
--> statement-breakpoint

-- What keeps changes from being recorded: a table whose trigger is missing or disabled, one that inherits without it.
create function audit_trail_gaps() returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
set quote_all_identifiers = off
as $$
  with recursive family (relid) as (
    select unnest(array['public.users', 'public.user_security', 'public.user_sessions']::regclass[])::oid
    union
    -- Tables that have a recorder, also if no trigger calls it.
    select to_regclass('public.' || quote_ident(substr(proname, 18)))::oid from pg_proc
    where pronamespace = 'public'::regnamespace and starts_with(proname, 'record_change_of_')
      and to_regclass('public.' || quote_ident(substr(proname, 18))) is not null
    union
    select tgrelid from pg_trigger join pg_proc on pg_proc.oid = tgfoid
    where pronamespace = 'public'::regnamespace and starts_with(proname, 'record_change_of_') and not tgisinternal
    union
    select inhrelid from pg_inherits join family on inhparent = relid
  )
  select format('%s: trigger %s is %s', relid::regclass, wanted, case when tgname is null then 'missing' else 'disabled' end)
  from family cross join unnest('{record_insert,record_update,record_delete}'::name[]) as wanted
  left join pg_trigger on tgrelid = relid and tgname = wanted and not tgisinternal
  where tgenabled is distinct from 'O' and tgenabled is distinct from 'A'
  order by 1
$$;
--> statement-breakpoint

comment on column users.id is '[subject]';
--> statement-breakpoint
comment on column user_security.user_id is '[subject]';
--> statement-breakpoint
comment on column user_sessions.user_id is '[subject]';
--> statement-breakpoint
select record_changes_of('users', 'id', '{password_hash, email_verification_token}', '{updated_at}');
--> statement-breakpoint
select record_changes_of('user_security', 'user_id', '{two_factor_secret, recovery_codes}');
--> statement-breakpoint
select record_changes_of('user_sessions', 'id', '{refresh_token_id}', '{last_active}');
--> statement-breakpoint

comment on function record_changes_of(regclass, name, name[], name[]) is 'Has every change of a table recorded; columns that come later are recorded by themselves.';
--> statement-breakpoint
comment on column audit_log.changes is 'Of a changed row: {column: [before, after]}, secrets as "[secret]".';
--> statement-breakpoint

-- `aeturnis-data role grant` grants what the service's role calls. Triggers need no privilege.
revoke execute on function
  refuse_truncate(), audit_json(jsonb), audit_columns(regclass), audit_statement(regclass, text, text[]),
  audit_refuse_stale(regclass, text[]), audit_recorder(regclass), record_changes_of(regclass, name, name[], name[]),
  refresh_change_recorders(), audit_trail_gaps()
from public;
