// The SQL of batches: all of one in one statement, whatever their number.

import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import type { Reader } from '../access/claims.ts';
import { asDatabaseProblem } from '../postgres/database-problem.ts';
import { invalid, Problem } from '../problems/problem.ts';
import type { BatchResult, Operation } from './batch.ts';
import { cutColumns } from './item-store.ts';
import { ranksAtEnd } from './rank-store.ts';
import { mayWrite, type WriteBoard } from './write-store.ts';
import type { Writer } from './writer.ts';
import type { Written } from './written.ts';

export interface BatchStore {
  /**
   * All or nothing; each item is named once at most.
   *
   * @returns one result for each operation, in their order; undefined when the writer may not write there, or an item
   *   is not there or has another version
   * @throws Problem TB_INVALID when a board cannot keep what an item would become; TB_ID_TAKEN
   */
  write(writer: Writer, boardId: string, operations: Operation[]): Promise<Written<BatchResult[]> | undefined>;
  /** @returns the versions of those items that are there; undefined when the reader may not write there */
  readVersions(reader: Reader, boardId: string, itemIds: string[]): Promise<Map<string, number> | undefined>;
}

// The board first, as its deletion does, then the items in the order of their ids, those that are there and then those that
// are made (an id that somebody else is about to use is waited for): so no two of these deadlock.
// `sound` has a row when all that is asked for can be done; it looks at each item after the wait for its lock.
const batchText = `
  operation as materialized (
    select * from json_to_recordset($4::json) as operation (
      index int, op text, id uuid, version int,
      text text, x float8, y float8, color text, rank text, data jsonb)
  ), board as materialized (
    select boards.id from context, access, :schema.boards
    where ${mayWrite} and boards.id = $3 for key share of boards
  ), target as materialized (
    select items.id, items.version from board, :schema.items
    where items.board_id = board.id and items.id in (select id from operation where op <> 'create')
    order by items.id for update of items
  ), sound as materialized (
    select id as board_id from board where not exists (
      select from operation left join target using (id)
      where op <> 'create' and (target.id is null or target.version <> operation.version))
  ), created as (
    insert into :schema.items (id, board_id, text, x, y, color, rank, data)
    select id, board_id, text, coalesce(x, 0), coalesce(y, 0), coalesce(color, 'yellow'), rank, coalesce(data, '{}')
    from sound, operation where op = 'create' order by id
    returning id, :schema.item_object(items) as object, ${cutColumns}
  ), updated as (
    update :schema.items set
      text = coalesce(operation.text, items.text),
      x = coalesce(operation.x, items.x),
      y = coalesce(operation.y, items.y),
      color = coalesce(operation.color, items.color),
      rank = coalesce(operation.rank, items.rank),
      data = case when operation.data is null then items.data else :schema.merge_patch(items.data, operation.data) end
    from sound, operation where items.board_id = sound.board_id and items.id = operation.id and op = 'update'
    returning items.id, :schema.item_object(items) as object, ${cutColumns}
  ), deleted as (
    delete from :schema.items using sound, operation
    where items.board_id = sound.board_id and items.id = operation.id and op = 'delete'
    returning items.id, null::json, null::json, null::uuid, null::uuid
  ), done as (
    select * from created union all select * from updated union all select * from deleted
  ), written as (
    select json_agg(json_build_object('id', id, 'item', object) order by index) as object,
      json_agg(json_build_object('id', id, 'item', coalesce(cut, object)) order by index) as cut,
      array_agg(text_value order by index) as text_values, array_agg(data_value order by index) as data_values
    from done join operation using (id) having count(*) > 0
  )`;

export function createBatchStore(pool: Pool, writeBoard: WriteBoard): BatchStore {
  return {
    async write(writer, boardId, operations) {
      const unranked = operations.filter(isUnranked).length;
      const ranks = (unranked > 0 ? await ranksAtEnd(pool, boardId, unranked) : []).values();
      const rows = operations.map((operation, index) => {
        const { op, id = uuidv7(), ifMatch: version, item } = operation;
        return { ...item, ...(isUnranked(operation) && { rank: ranks.next().value }), index, op, id, version };
      });
      return writeBoard<BatchResult[]>(writer, boardId, {
        name: 'item-batch',
        isCut: true,
        text: batchText,
        values: [JSON.stringify(rows)],
      }).catch((error) => {
        throw asOperationProblem(error, rows);
      });
    },

    async readVersions({ userId, claims }, boardId, itemIds) {
      const { rows } = await pool.query<{ id: string | null; version: number }>({
        name: 'item-versions',
        text: `select items.id, items.version
               from :schema.access_to($2, $1, $4) access
               left join :schema.items on items.board_id = $2 and items.id = any($3::uuid[])
               where ${mayWrite}`,
        values: [userId, boardId, itemIds, claims?.json],
      });
      return rows.length > 0 ? new Map(rows.flatMap(({ id, version }) => (id ? [[id, version]] : []))) : undefined;
    },
  };
}

function isUnranked({ op, item }: Operation): boolean {
  return op === 'create' && item?.rank === undefined;
}

/**
 * A row that breaks a constraint is named by PostgreSQL in the detail of the error: its columns, the id first; or, when
 * it is there already, its key, the id last.
 */
function asOperationProblem(error: unknown, rows: Array<{ id: string }>): unknown {
  const { detail = '' } = error as { detail?: string };
  const [, id] = /=\([0-9a-f-]{36}, ([0-9a-f-]{36})\)/.exec(detail) ?? /\(([0-9a-f-]{36}), /.exec(detail) ?? [];
  const index = rows.findIndex((row) => row.id === id);
  const problem = asDatabaseProblem(error);
  const [fault] = problem?.errors ?? [];
  if (!problem || !fault || index < 0) return error;
  if (problem.code !== 'TB_ID_TAKEN') return invalid(`/operations/${index}/item${fault.path}`, fault.message);
  return new Problem(problem.code, problem.message, {
    errors: [{ path: `/operations/${index}${fault.path}`, message: fault.message }],
  });
}
