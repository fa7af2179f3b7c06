-- Boards that a token lets its user in to by what it says of them (the claim `boards`), without a membership.

set local lock_timeout = '2s';

-- The role on a board that claims give: by its id, or by ~ and its key; of two the higher one. Null: none.
create function claimed_role(claims jsonb, board boards) returns text
language sql immutable parallel safe
return case when 'editor' in (claims ->> board.id::text, claims ->> ('~' || board.key)) then 'editor'
  else coalesce(claims ->> board.id::text, claims ->> ('~' || board.key)) end;

-- One row where the reader may see the board: as its member or by claims, with the higher role of the two. None of a board
-- that does not exist. In the FROM of a query it becomes a part of that, and costs two rows by their keys.
create function access_to(board_id uuid, reader uuid, claims jsonb)
returns table (role text, is_member boolean, is_claimed boolean)
language sql stable parallel safe
begin atomic
  select
    case when members.role is null or (members.role = 'viewer' and claimed_role(claims, boards) is not null)
      then claimed_role(claims, boards) else members.role end,
    members.role is not null,
    claimed_role(claims, boards) is not null
  from boards left join members on members.board_id = boards.id and members.user_id = reader
  where boards.id = access_to.board_id and (members.role is not null or claimed_role(claims, boards) is not null);
end;

-- The boards that a ticket opens by what its maker came with, and not by a membership: it ends with that (jwt_ends_at).
create table ticket_claims (
  ticket_hash bytea references tickets on delete cascade,
  board_id    uuid references boards on delete cascade,
  primary key (ticket_hash, board_id)
);
create index ticket_claims_board_id on ticket_claims (board_id);

select close_functions();
