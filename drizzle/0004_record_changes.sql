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

-- Writes the trail's rows of one statement, all at once.
--
-- Arguments: the table's key column; its secret columns, of which the trail says that they changed and never
-- what they hold; columns whose change alone is none.
--
-- Who acts is in the setting audit.context, JSON with actor, userId, ipAddress, userAgent and requestId, that the
-- service sets in the same statement; without it, it is the role that logged in. It runs with its owner's
-- rights: whoever may change a table may not therefore write into the trail.
create function record_change() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  key_column constant text := tg_argv[0];
  secret_columns constant text[] := tg_argv[1];
  unrecorded_columns constant text[] := tg_argv[2];
  context constant jsonb := nullif(current_setting('audit.context', true), '');
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
    select acting_user, 'update', tg_table_name, coalesce(old_row.value, new_row.value) ->> key_column, changed.columns,
      address, context ->> 'userAgent', clock_timestamp(), coalesce(context ->> 'actor', 'db:' || session_user), context ->> 'requestId'
    -- Offset 0 keeps the rows as JSON, made once each and not anew for every column.
    from (select to_jsonb(old_rows) as value from old_rows offset 0) as old_row
    -- Full: a row that was given another key is recorded under both.
    full join (select to_jsonb(new_rows) as value from new_rows offset 0) as new_row
      on old_row.value ->> key_column = new_row.value ->> key_column
    cross join lateral (
      select jsonb_object_agg(key, case
        when key = any (secret_columns) then jsonb_build_array(
          case when old_row.value -> key <> 'null' then '[secret]' end,
          case when new_row.value -> key <> 'null' then '[secret]' end)
        else jsonb_build_array(old_row.value -> key, new_row.value -> key)
      end) as columns
      from jsonb_object_keys(coalesce(new_row.value, old_row.value)) as key
      where old_row.value -> key is distinct from new_row.value -> key and key <> all (unrecorded_columns)
    ) as changed
    where changed.columns is not null;

  elsif tg_op = 'INSERT' then
    insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, created_at, actor, request_id)
    select acting_user, 'insert', tg_table_name, new_row.value ->> key_column,
      (
        select jsonb_object_agg(key, jsonb_build_array(null, case when key = any (secret_columns) then '"[secret]"' else value end))
        from jsonb_each(new_row.value)
        where value <> 'null' and key <> all (unrecorded_columns)
      ),
      address, context ->> 'userAgent', clock_timestamp(), coalesce(context ->> 'actor', 'db:' || session_user), context ->> 'requestId'
    from (select to_jsonb(new_rows) as value from new_rows) as new_row;

  else
    insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, created_at, actor, request_id)
    select acting_user, 'delete', tg_table_name, old_row.value ->> key_column,
      (
        select jsonb_object_agg(key, jsonb_build_array(case when key = any (secret_columns) then '"[secret]"' else value end, null))
        from jsonb_each(old_row.value)
        where value <> 'null'
      ),
      address, context ->> 'userAgent', clock_timestamp(), coalesce(context ->> 'actor', 'db:' || session_user), context ->> 'requestId'
    from (select to_jsonb(old_rows) as value from old_rows) as old_row;
  end if;
  return null;
end;
$$;
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

-- Has every change of a table recorded. Once a statement, not once a row: a bulk load writes its trail in one go.
create function record_changes_of(recorded regclass, key_column text, secret_columns text[] default '{}', unrecorded_columns text[] default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  event text[];
  unknown text;
begin
  select given into unknown from unnest(key_column || secret_columns || unrecorded_columns) as given
  where not exists (select from pg_attribute where attrelid = recorded and attname = given and attnum > 0 and not attisdropped);
  if unknown is not null then
    raise exception '% has no column %', recorded, unknown using errcode = 'undefined_column';
  end if;

  foreach event slice 1 in array array[
    ['insert', 'new table as new_rows'],
    ['update', 'old table as old_rows new table as new_rows'],
    ['delete', 'old table as old_rows']
  ] loop
    execute format(
      'create trigger %I after %s on %s referencing %s for each statement execute function public.record_change(%L, %L, %L)',
      'record_' || event[1], event[1], recorded, event[2], key_column, secret_columns, unrecorded_columns
    );
  end loop;
  execute format(
    'create trigger refuse_truncate before truncate on %s for each statement execute function public.refuse_truncate()',
    recorded
  );
end;
$$;
--> statement-breakpoint

revoke execute on function record_changes_of(regclass, text, text[], text[]) from public;
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

comment on function record_change() is 'Writes a statement''s rows of the audit trail; who acts is in the setting audit.context.';
--> statement-breakpoint
comment on column audit_log.changes is 'Of a changed row: {column: [before, after]}, secrets as "[secret]".';
