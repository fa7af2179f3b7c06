-- Work that one node does for all, now and then: when it was begun last, by whichever node.
create table background_turns (
  work     text primary key,
  taken_at timestamptz not null
);
