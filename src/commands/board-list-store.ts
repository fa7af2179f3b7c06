// The SQL of `teamboard boards`.

import type { ClientBase } from 'pg';

export interface ListedBoard {
  id: string;
  key: string | null;
  name: string;
  members: number;
  items: number;
  /** Of the texts and data of its items, as JSON. */
  bytes: number;
  /** The newest event of its log. */
  head: number;
  createdAt: string;
  updatedAt: string;
}

export interface BoardListing {
  /** On which this user is; undefined: all. */
  userId: string | undefined;
  /** Behind this board; undefined: from the newest on. */
  after: string | undefined;
  limit: number;
}

export async function listBoards(client: ClientBase, { userId, after, limit }: BoardListing): Promise<ListedBoard[]> {
  const { rows } = await client.query<ListedBoard>(
    `select id, key, name, (select count(*)::int from :schema.members where board_id = boards.id) as members,
       coalesce(item_count, 0) as items, coalesce(item_bytes, 0)::float8 as bytes, coalesce(head, 0)::float8 as head,
       :schema.rfc3339(created_at) as "createdAt", :schema.rfc3339(updated_at) as "updatedAt"
     from :schema.boards left join :schema.board_log on board_log.board_id = boards.id
     where ($1::uuid is null or id < $1)
       and ($2::uuid is null or exists (select from :schema.members where board_id = boards.id and user_id = $2))
     order by id desc limit $3`,
    [after ?? null, userId ?? null, limit],
  );
  return rows;
}
