-- Which stream a change came from, so that it is not told back to the page that made it.

alter table board_events add column stream_id text;

create or replace function append_event(
  board uuid, resource text, action text, resource_id uuid, object json, changes text[]
) returns void language plpgsql as $$
declare
  actor uuid := current_actor();
begin
  loop
    insert into board_events (board_id, seq, opens, resource, action, resource_id, object, changes,
        actor_id, actor_name, mutation_id, stream_id, at)
      select board, greatest(log.head, log.newest) + 1, coalesce(log.head >= log.newest, true),
        resource, action, resource_id, object, changes,
        actor, (select name from users where id = actor),
        nullif(current_setting('teamboard.mutation_id', true), ''),
        nullif(current_setting('teamboard.stream_id', true), ''), clock_timestamp()
      from (
        select head, (select seq from board_events where board_id = board order by seq desc limit 1) as newest
        from board_log where board_id = board for no key update
      ) log;
    exit when found;
    insert into board_log (board_id) values (board) on conflict do nothing;
  end loop;
end $$;

-- The one with two arguments stays for nodes of the version before.
create function begin_write(actor uuid, mutation_id text, stream_id text) returns void language plpgsql as $$
begin
  perform begin_write(actor, mutation_id), set_config('teamboard.stream_id', coalesce(stream_id, ''), true);
end $$;
