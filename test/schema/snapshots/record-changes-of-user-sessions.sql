CREATE OR REPLACE FUNCTION public.record_change_of_user_sessions()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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

  if recording.is_current and coalesce((
      select bit_xor(hashtextextended(attname::text, atttypid::int8)) from pg_attribute
      where attrelid = tg_relid and attnum > 0 and not attisdropped), 0)
    # coalesce((
      select bit_xor(hashtextextended(description, hashtext((select attname::text from pg_attribute where attrelid = objoid and attnum = objsubid))))
      from pg_description where objoid = tg_relid and classoid = 'pg_class'::regclass and objsubid > 0), 0) = <fingerprint> then
    if tg_op = 'UPDATE' then
    insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, actor, request_id, acting_id, subject_id)
    select recording.acting_user, 'update', recording.resource, left(coalesce(before.id::text, after.id::text), 255), written.columns, recording.address, recording.user_agent, recording.actor, recording.request, recording.acting_id, coalesce(after.user_id, before.user_id)
    from old_rows as before full join new_rows as after on before.id = after.id
    cross join lateral (select coalesce(case when before.id is distinct from after.id then jsonb_build_object('id', jsonb_build_array(to_jsonb(before.id), to_jsonb(after.id))) else '{}' end
      || case when before.user_id is distinct from after.user_id then jsonb_build_object('user_id', jsonb_build_array(to_jsonb(before.user_id), to_jsonb(after.user_id))) else '{}' end
      || case when record_image_ne(row(before.ip_address), row(after.ip_address)) then jsonb_build_object('ip_address', jsonb_build_array(to_jsonb(before.ip_address), to_jsonb(after.ip_address))) else '{}' end
      || case when before.user_agent is distinct from after.user_agent then jsonb_build_object('user_agent', jsonb_build_array(to_jsonb(before.user_agent), to_jsonb(after.user_agent))) else '{}' end
      || case when before.expires_at is distinct from after.expires_at then jsonb_build_object('expires_at', jsonb_build_array(to_jsonb(before.expires_at), to_jsonb(after.expires_at))) else '{}' end
      || case when before.created_at is distinct from after.created_at then jsonb_build_object('created_at', jsonb_build_array(to_jsonb(before.created_at), to_jsonb(after.created_at))) else '{}' end
      || case when before.revoked_at is distinct from after.revoked_at then jsonb_build_object('revoked_at', jsonb_build_array(to_jsonb(before.revoked_at), to_jsonb(after.revoked_at))) else '{}' end
      || case when before.revocation_reason is distinct from after.revocation_reason then jsonb_build_object('revocation_reason', jsonb_build_array(to_jsonb(before.revocation_reason), to_jsonb(after.revocation_reason))) else '{}' end
      || case when before.authenticated_at is distinct from after.authenticated_at then jsonb_build_object('authenticated_at', jsonb_build_array(to_jsonb(before.authenticated_at), to_jsonb(after.authenticated_at))) else '{}' end
      || case when record_image_ne(row(before.factors), row(after.factors)) then jsonb_build_object('factors', jsonb_build_array(to_jsonb(before.factors), to_jsonb(after.factors))) else '{}' end
      || case when before.replayed_at is distinct from after.replayed_at then jsonb_build_object('replayed_at', jsonb_build_array(to_jsonb(before.replayed_at), to_jsonb(after.replayed_at))) else '{}' end
      || case when before.device_id is distinct from after.device_id then jsonb_build_object('device_id', jsonb_build_array(to_jsonb(before.device_id), to_jsonb(after.device_id))) else '{}' end
      || case when before.failures is distinct from after.failures then jsonb_build_object('failures', jsonb_build_array(to_jsonb(before.failures), to_jsonb(after.failures))) else '{}' end, '{}') as columns offset 0) as written
    where written.columns <> '{}';
    elsif tg_op = 'INSERT' then
    insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, actor, request_id, acting_id, subject_id)
    select recording.acting_user, 'insert', recording.resource, left(after.id::text, 255), written.columns, recording.address, recording.user_agent, recording.actor, recording.request, recording.acting_id, after.user_id
    from new_rows as after
    cross join lateral (select coalesce((select jsonb_object_agg(key, jsonb_build_array(null, value)) from (values ('id', to_jsonb(after.id)), ('user_id', to_jsonb(after.user_id)), ('ip_address', to_jsonb(after.ip_address)), ('user_agent', to_jsonb(after.user_agent)), ('expires_at', to_jsonb(after.expires_at)), ('created_at', to_jsonb(after.created_at)), ('revoked_at', to_jsonb(after.revoked_at)), ('revocation_reason', to_jsonb(after.revocation_reason)), ('authenticated_at', to_jsonb(after.authenticated_at)), ('factors', to_jsonb(after.factors)), ('replayed_at', to_jsonb(after.replayed_at)), ('device_id', to_jsonb(after.device_id)), ('failures', to_jsonb(after.failures))) as given (key, value) where value is not null), '{}') as columns offset 0) as written;
    else
    insert into public.audit_log
      (user_id, action, resource_type, resource_id, changes, ip_address, user_agent, actor, request_id, acting_id, subject_id)
    select recording.acting_user, 'delete', recording.resource, left(before.id::text, 255), written.columns, recording.address, recording.user_agent, recording.actor, recording.request, recording.acting_id, before.user_id
    from old_rows as before
    cross join lateral (select coalesce((select jsonb_object_agg(key, jsonb_build_array(value, null)) from (values ('id', to_jsonb(before.id)), ('user_id', to_jsonb(before.user_id)), ('refresh_token_id', case when num_nulls(before.refresh_token_id) = 0 then to_jsonb('[secret]'::text) end), ('ip_address', to_jsonb(before.ip_address)), ('user_agent', to_jsonb(before.user_agent)), ('expires_at', to_jsonb(before.expires_at)), ('created_at', to_jsonb(before.created_at)), ('last_active', to_jsonb(before.last_active)), ('revoked_at', to_jsonb(before.revoked_at)), ('revocation_reason', to_jsonb(before.revocation_reason)), ('idle_expires_at', to_jsonb(before.idle_expires_at)), ('authenticated_at', to_jsonb(before.authenticated_at)), ('factors', to_jsonb(before.factors)), ('previous_refresh_token_id', case when num_nulls(before.previous_refresh_token_id) = 0 then to_jsonb('[secret]'::text) end), ('rotated_at', to_jsonb(before.rotated_at)), ('replayed_at', to_jsonb(before.replayed_at)), ('device_id', to_jsonb(before.device_id)), ('failures', to_jsonb(before.failures))) as given (key, value) where value is not null), '{}') as columns offset 0) as written;
    end if;
    return null;
  end if;

  if not recording.is_current then
    execute format('select array_agg(key) from json_object_keys((select row_to_json(one) from (select rows.* from (values (1)) as one_row left join %I as rows on false) as one)) as key',
      case tg_op when 'DELETE' then 'old_rows' else 'new_rows' end) into recording.seen;
    perform public.audit_refuse_stale(tg_relid, recording.seen);
  end if;
  execute public.audit_statement(tg_relid, tg_op, '{$1,$2,$3,$4,$5,$6,$7}')
  using recording.acting_user, recording.resource, recording.address, recording.user_agent, recording.actor, recording.request, recording.acting_id;
  return null;
end;
$function$
