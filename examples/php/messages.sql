-- The application's own table.
create table if not exists messages (
  id serial primary key,
  room text not null default 'chat:1',
  name text not null,
  text text not null
);
