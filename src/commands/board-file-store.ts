// The SQL of `teamboard export` and `teamboard import`.

import type { ClientBase } from 'pg';

/** Items of one statement: a page of the largest is some 15 MB. */
export const PAGE = 500;

/** One line of the file. JSON of PostgreSQL stays as it is: no number of it becomes another. */
export interface ExportedItems {
  lines: string[];
  last: { rank: string; id: string };
}

/** Begins a transaction all of whose pages are of one moment. */
export async function beginExport(client: ClientBase): Promise<void> {
  await client.query('begin isolation level repeatable read read only');
}

/** In a transaction that sees one state of the board. @returns the first line, and how many items follow */
export async function readBoard(client: ClientBase, boardId: string): Promise<{ line: string; itemCount: number }> {
  const { rows } = await client.query<{ line: string; itemCount: number }>(
    `select json_build_object('teamboard', 1, 'board', :schema.board_object(boards))::text as line,
       (select count(*)::int from :schema.items where board_id = boards.id) as "itemCount"
     from :schema.boards where id = $1`,
    [boardId],
  );
  return rows[0] ?? { line: '', itemCount: 0 };
}

export async function readMembers(client: ClientBase, boardId: string): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(
    `select json_build_object('member', :schema.member_object(members))::text as line
     from :schema.members where board_id = $1 order by created_at, user_id`,
    [boardId],
  );
  return rows.map(({ line }) => line);
}

/** In the order of the list. @param after undefined: from the beginning @returns undefined when there are no more */
export async function readItems(
  client: ClientBase,
  boardId: string,
  after: ExportedItems['last'] | undefined,
): Promise<ExportedItems | undefined> {
  const { rows } = await client.query<{ line: string; rank: string; id: string }>(
    `select concat('{"item":', :schema.item_object(items), '}') as line, rank, id from :schema.items
     where board_id = $1 and ($2::text is null or (rank, id) > ($2::text collate "C", $3::uuid))
     order by rank, id limit ${PAGE}`,
    [boardId, after?.rank ?? null, after?.id ?? null],
  );
  const last = rows.at(-1);
  return last && { lines: rows.map(({ line }) => line), last };
}

/** What a board in a file becomes here. */
export interface NewBoard {
  /** Of the file: JSON. */
  json: string;
  /** Undefined: a new one. */
  id: string | undefined;
  key: string | null;
}

/** Begins a transaction in which a board may become as large as one of the API, and which notifies nobody: none can have it open. */
export async function beginImport(client: ClientBase, most: { items: number; bytes: number }): Promise<void> {
  await client.query('begin');
  await client.query('select :schema.begin_write(null, null, null, $1, $2)', [most.items, most.bytes]);
}

/** @returns its id */
export async function insertBoard(client: ClientBase, { json, id, key }: NewBoard): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into :schema.boards (id, name, layout, key, created_by)
     select coalesce($2::uuid, :schema.uuid_v7()), board->>'name', board->>'layout', $3, (board->>'createdBy')::uuid
     from (select $1::json as board) given returning id`,
    [json, id ?? null, key],
  );
  return rows[0]?.id ?? '';
}

/** Those who have an account here. @param members a JSON array @returns how many, and whether an owner is among them */
export async function insertMembers(client: ClientBase, boardId: string, members: string, ownerId: string | undefined) {
  const { rows } = await client.query<{ count: number; owned: boolean | null }>(
    `with given as (
       select (member->'user'->>'id')::uuid as user_id, member->>'role' as role, place
       from json_array_elements($2::json) with ordinality as each (member, place)
     ), wanted as (
       select user_id, role, place from given
       union all
       select $3::uuid, 'owner', 0 where $3::uuid is not null and not exists (select from given where user_id = $3::uuid)
     ), added as (
       insert into :schema.members (board_id, user_id, role)
       select $1, users.id, case when users.id = $3::uuid then 'owner' else wanted.role end
       from wanted join :schema.users on users.id = wanted.user_id
       order by place
       returning role
     )
     select count(*)::int as count, bool_or(role = 'owner') as owned from added`,
    [boardId, members, ownerId ?? null],
  );
  return { count: rows[0]?.count ?? 0, isOwned: rows[0]?.owned === true };
}

/** @param items a JSON array, taken number by number as it stands there */
export async function insertItems(client: ClientBase, boardId: string, items: string): Promise<void> {
  await client.query(
    `insert into :schema.items (id, board_id, text, x, y, color, rank, data, created_by)
     select (item->>'id')::uuid, $1, item->>'text', (item->>'x')::float8, (item->>'y')::float8, item->>'color',
       item->>'rank', (item->'data')::jsonb, (item->>'createdBy')::uuid
     from json_array_elements($2::json) with ordinality as each (item, place) order by place`,
    [boardId, items],
  );
}

/** The deferred triggers of all its rows run here. */
export async function commitImport(client: ClientBase): Promise<void> {
  await client.query('commit');
}
