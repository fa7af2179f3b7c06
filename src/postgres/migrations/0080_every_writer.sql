-- Whoever writes is heard, also by ways on which ordinary triggers are silent: logical replication, and sessions with
-- session_replication_role = replica. So each trigger of ours is `enable always`, as each new one must be. The one that
-- stands in the place of a foreign key is none of them: a copy may bring items before their boards.

-- Whoever holds up these tables holds up all writers.
set local lock_timeout = '2s';

-- Whether the log itself comes by logical replication, as when the whole database is copied to another server: the
-- events of all rows come with it, under their numbers, and none must be made here a second time.
create function log_is_replicated() returns boolean
language sql stable
return current_setting('session_replication_role') = 'replica'
  and exists (select from pg_subscription_rel where srrelid = 'board_events'::regclass);

-- A replication worker has an empty search_path, and another application's session has its own.
alter function stamp_version() set search_path = public, pg_temp;
alter function stamp_item() set search_path = public, pg_temp;
alter function announce_deleted_access() set search_path = public, pg_temp;
alter function announce_shortened_access() set search_path = public, pg_temp;
-- Nor does a writer whose session shows fewer digits write other numbers into the log.
alter function record_item() set extra_float_digits = 1;

-- `or` keeps the question cheap for all others, whose role is 'origin'.
do $$
declare
  defined record;
  definition text;
  silent text := $when$(current_setting('session_replication_role') <> 'replica' or not log_is_replicated())$when$;
begin
  for defined in
    select tgrelid::regclass as relation, tgname as name, pg_get_triggerdef(oid) as definition from pg_trigger
    where not tgisinternal and tgfoid = any(array[
      'stamp_version', 'stamp_item', 'stamp_member', 'keep_text', 'keep_owner', 'announce_events',
      'record_board', 'record_item', 'record_member']::regproc[])
  loop
    if defined.definition like '% FOR EACH ROW WHEN (%' then
      definition := regexp_replace(defined.definition, ' FOR EACH ROW WHEN (\(.*\)) EXECUTE FUNCTION ',
        ' FOR EACH ROW WHEN (\1 and ' || silent || ') EXECUTE FUNCTION ');
    else
      definition := replace(defined.definition, ' FOR EACH ROW ', ' FOR EACH ROW WHEN (' || silent || ') ');
    end if;
    execute format('drop trigger %I on %s', defined.name, defined.relation);
    execute definition;
  end loop;
end $$;

-- What came with the log is only told.
create function announce_replicated() returns trigger language plpgsql as $$
begin
  perform pg_notify('board_' || new.board_id, new.seq::text);
  return null;
end $$;
create trigger announce_replicated after insert on board_events for each row
  when (new.opens and current_setting('session_replication_role') = 'replica' and log_is_replicated())
  execute function announce_replicated();

-- Puts back the triggers of ours that somebody has switched off: `pg_restore --disable-triggers` does, and switches them
-- on again as ordinary ones. What was written meanwhile is in no log, so no place in any log can be gone on from: all
-- cursors and ETags become those of another history. Returns how many there were. For the owner of the tables.
create function restore_triggers() returns integer language plpgsql set search_path = public, pg_temp as $$
declare
  changed record;
  count integer := 0;
begin
  for changed in
    select tgrelid::regclass as relation, tgname as name, proname = 'check_board_of_item' as is_key
    from pg_trigger join pg_proc on pg_proc.oid = tgfoid join pg_class on pg_class.oid = tgrelid
    where not tgisinternal and tgenabled <> case proname when 'check_board_of_item' then 'O' else 'A' end
      and pronamespace = relnamespace
      and relnamespace = (select relnamespace from pg_class where oid = 'board_log'::regclass)
    order by tgrelid, tgname
  loop
    execute format('alter table %s enable %s trigger %I', changed.relation,
      case when changed.is_key then '' else 'always' end, changed.name);
    count := count + 1;
  end loop;
  if count > 0 then
    update log_epoch set value = gen_random_uuid();
  end if;
  return count;
end $$;

do $$
declare
  epoch uuid := (select value from log_epoch);
begin
  perform restore_triggers();
  update log_epoch set value = epoch;
end $$;
