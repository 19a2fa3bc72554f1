-- Every change of users, user_security and user_sessions leaves a row in the audit trail, in the same
-- transaction and by trigger: whoever makes it, and in whatever way.

-- Whoever waits for a table makes everybody wait who comes later: so not for long.
set local lock_timeout = '2s';
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

-- Has every change of a table recorded, by a function made for its columns as they are now: whoever adds one calls
-- it again (comparing them by name, whatever they are, took a third longer). Arguments: the key column; secret
-- columns, of which the trail says that they changed and never what they hold; columns whose change alone is none.
--
-- Once a statement, not once a row: a bulk load writes its trail in one go. Who acts is in the setting audit.context,
-- JSON with actor, userId, ipAddress, userAgent and requestId, that the service sets in the same statement; without
-- it, it is the role that logged in. The setting is believed of roles that may write into the trail themselves, as the
-- service's may: others could say that they are anybody. The function runs with its owner's rights, because whoever
-- may change a table may not therefore write into the trail; so nobody else may make a trigger of it, on a table of
-- their own with types of their own.
create function record_changes_of(recorded regclass, key_column name, secret_columns name[] default '{}', unrecorded_columns name[] default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $generator$
declare
  table_name name;
  recorder text;
  unknown name;
  changed text;
  event text[];
  template constant text := $template$
create or replace function public.<recorder>() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  -- A role that was taken on is one that the login is a member of.
  taken_on constant text := nullif(current_setting('role'), 'none');
  context constant jsonb := case when has_table_privilege(coalesce(taken_on, session_user), 'public.audit_log', 'insert')
    then nullif(current_setting('audit.context', true), '') end;
  actor constant text := coalesce(context ->> 'actor', 'db:' || session_user);
  acting_user uuid := context ->> 'userId';
  address constant inet := context ->> 'ipAddress';
begin
  -- Nobody, once the account is gone, or is just going: it may be the one that this very statement deletes.
  if acting_user is not null then
    select id into acting_user from public.users where id = acting_user;
  end if;

  if tg_op = 'UPDATE' then
    insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, created_at, actor, request_id)
    select acting_user, 'update', <table>, coalesce(before.<key>, after.<key>), columns, address,
      context ->> 'userAgent', clock_timestamp(), actor, context ->> 'requestId'
    from old_rows as before
    -- Full: a row that was given another key is recorded under both.
    full join new_rows as after on before.<key> = after.<key>
    cross join lateral (select <changed> as columns) as changed
    where columns <> '{}';

  elsif tg_op = 'INSERT' then
    insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, created_at, actor, request_id)
    select acting_user, 'insert', <table>, <key>,
      (
        select jsonb_object_agg(key, jsonb_build_array(null, case when key = any (<secret>) then '"[secret]"' else value end))
        from jsonb_each(to_jsonb(after))
        where value <> 'null' and key <> all (<unrecorded>)
      ),
      address, context ->> 'userAgent', clock_timestamp(), actor, context ->> 'requestId'
    from new_rows as after;

  else
    insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, created_at, actor, request_id)
    select acting_user, 'delete', <table>, <key>,
      (
        select jsonb_object_agg(key, jsonb_build_array(case when key = any (<secret>) then '"[secret]"' else value end, null))
        from jsonb_each(to_jsonb(before))
        where value <> 'null'
      ),
      address, context ->> 'userAgent', clock_timestamp(), actor, context ->> 'requestId'
    from old_rows as before;
  end if;
  return null;
end;
$function$
$template$;
begin
  select relname into table_name from pg_class where oid = recorded;
  select given into unknown from unnest(key_column || secret_columns || unrecorded_columns) as given
  where not exists (select from pg_attribute where attrelid = recorded and attname = given and attnum > 0 and not attisdropped);
  if unknown is not null then
    raise exception '% has no column %', recorded, unknown using errcode = 'undefined_column';
  end if;

  select string_agg(format(
    case when attname = any (secret_columns)
      then $$case when before.%1$I is distinct from after.%1$I then jsonb_build_object(%1$L,
        jsonb_build_array(case when before.%1$I is not null then '[secret]' end, case when after.%1$I is not null then '[secret]' end)) else '{}' end$$
      else $$case when before.%1$I is distinct from after.%1$I then jsonb_build_object(%1$L,
        jsonb_build_array(before.%1$I, after.%1$I)) else '{}' end$$
    end, attname), E'\n      || ' order by attnum)
  into changed
  from pg_attribute where attrelid = recorded and attnum > 0 and not attisdropped and attname <> all (unrecorded_columns);

  recorder := 'record_change_of_' || table_name;
  execute replace(replace(replace(replace(replace(replace(template,
    '<recorder>', quote_ident(recorder)), '<table>', quote_literal(table_name)), '<key>', quote_ident(key_column)),
    '<changed>', changed), '<secret>', format('%L::text[]', secret_columns)), '<unrecorded>', format('%L::text[]', unrecorded_columns));
  execute format('revoke execute on function public.%I() from public', recorder);
  execute format('comment on function public.%I() is %L', recorder,
    'Writes a statement''s rows of the audit trail; made by record_changes_of, who acts is in the setting audit.context.');

  foreach event slice 1 in array array[
    ['insert', 'new table as new_rows'],
    ['update', 'old table as old_rows new table as new_rows'],
    ['delete', 'old table as old_rows']
  ] loop
    execute format('create or replace trigger %I after %s on %s referencing %s for each statement execute function public.%I()',
      'record_' || event[1], event[1], recorded, event[2], recorder);
  end loop;
  execute format('create or replace trigger refuse_truncate before truncate on %s for each statement execute function public.refuse_truncate()', recorded);
end;
$generator$;
--> statement-breakpoint

revoke execute on function record_changes_of(regclass, name, name[], name[]) from public;
--> statement-breakpoint

select record_changes_of('users', 'id', '{password_hash, email_verification_token}', '{updated_at}');
--> statement-breakpoint
select record_changes_of('user_security', 'user_id', '{two_factor_secret, recovery_codes}');
--> statement-breakpoint
select record_changes_of('user_sessions', 'id', '{refresh_token_id}', '{last_active}');
--> statement-breakpoint

-- Without it, TRUNCATE users CASCADE would take the whole trail along, because the trail refers to users.
create trigger refuse_truncate
  before truncate on audit_log
  for each statement
  execute function refuse_truncate();
--> statement-breakpoint

comment on function record_changes_of(regclass, name, name[], name[]) is 'Has every change of a table recorded; to be called again when it gets a column.';
--> statement-breakpoint
comment on column audit_log.changes is 'Of a changed row: {column: [before, after]}, secrets as "[secret]".';
