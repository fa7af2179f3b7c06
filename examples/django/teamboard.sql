-- Once, when Teamboard has made its schema in this database: `psql -1`, all or nothing. It is all that this database hears of it.
select teamboard.reserve_keys('backlog:');
select teamboard.open_board('backlog:1', 'Backlog');
select teamboard.publish('public.backlog_story', board => 'backlog', resource => 'story');

-- Each user of the application is let in to read the backlog. Their names come with the answer to AUTH_URL.
create function public.let_into_teamboard() returns trigger language plpgsql as $$ begin
  insert into teamboard.members (board_id, user_id, role) values
    (teamboard.open_board('backlog:1'), teamboard.put_user('application', new.id::text), 'viewer') on conflict do nothing;
  return null;
end $$;
create trigger let_into_teamboard after insert or update on public.auth_user for each row execute function public.let_into_teamboard();
update public.auth_user set username = username;
