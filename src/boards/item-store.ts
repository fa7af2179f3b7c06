// The SQL of items. Each write is one statement, which checks the writer's role as it writes.

import { generateKeyBetween } from 'fractional-indexing';
import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import { type Item, type ItemPatch, MAX_RANK_LENGTH, type NewItem } from './board.ts';
import type { WriteBoard, Written } from './write-store.ts';
import type { Writer } from './writer.ts';

export interface ItemStore {
  /** @returns undefined when there is no such item or the user is no member of the board */
  get(userId: string, boardId: string, itemId: string): Promise<Item | undefined>;
  /** Without a rank the item goes to the end of the list. @returns undefined when the writer may not write there */
  create(writer: Writer, boardId: string, item: NewItem): Promise<Written<Item> | undefined>;
  /** @returns undefined when there is no such item or the writer may not write there */
  update(writer: Writer, boardId: string, itemId: string, patch: ItemPatch): Promise<Written<Item> | undefined>;
  /** @returns undefined when there is no such item or the writer may not write there */
  delete(writer: Writer, boardId: string, itemId: string): Promise<Written<null> | undefined>;
}

const mayWrite = `members.board_id = $3 and members.user_id = $1 and members.role in ('owner', 'editor')`;

/** How each field of a patch is set. Those that the patch does not name are left alone, whoever writes them meanwhile. */
const assignments: Record<keyof ItemPatch, (parameter: string) => string> = {
  text: (parameter) => `text = ${parameter}`,
  x: (parameter) => `x = ${parameter}`,
  y: (parameter) => `y = ${parameter}`,
  color: (parameter) => `color = ${parameter}`,
  rank: (parameter) => `rank = ${parameter}`,
  data: (parameter) => `data = merge_patch(data, ${parameter}::jsonb)`,
};

export function createItemStore(pool: Pool, writeBoard: WriteBoard): ItemStore {
  return {
    async get(userId, boardId, itemId) {
      const { rows } = await pool.query<{ item: Item }>({
        name: 'item-get',
        text: `select item_object(items) as item from items join members using (board_id)
               where items.id = $1 and board_id = $2 and members.user_id = $3`,
        values: [itemId, boardId, userId],
      });
      return rows[0]?.item;
    },

    async create(writer, boardId, { text, x, y, color, rank, data }) {
      return writeBoard<Item>(writer, boardId, {
        name: 'item-create',
        text: `written as (
                 insert into items (id, board_id, text, x, y, color, rank, data)
                 select $4, $3, $5, coalesce($6::float8, 0), coalesce($7::float8, 0), coalesce($8, 'yellow'), $9,
                   coalesce($10::jsonb, '{}')
                 from context, members where ${mayWrite}
                 returning item_object(items) as object
               )`,
        values: [uuidv7(), text, x, y, color, rank ?? (await rankAtEnd(pool, boardId)), data],
      });
    },

    async update(writer, boardId, itemId, patch) {
      const fields = (Object.keys(assignments) as Array<keyof ItemPatch>).filter((field) => field in patch);
      const set = fields.map((field, index) => assignments[field](`$${index + 5}`));
      return writeBoard<Item>(writer, boardId, {
        name: `item-update-${fields.join('-')}`,
        text: `written as (
                 update items set ${set.join(', ')}
                 from context, members where items.id = $4 and items.board_id = $3 and ${mayWrite}
                 returning item_object(items) as object
               )`,
        values: [itemId, ...fields.map((field) => patch[field])],
      });
    },

    async delete(writer, boardId, itemId) {
      return writeBoard<null>(writer, boardId, {
        name: 'item-delete',
        text: `written as (
                 delete from items using context, members
                 where items.id = $4 and items.board_id = $3 and ${mayWrite}
                 returning null::json as object
               )`,
        values: [itemId],
      });
    },
  };
}

/**
 * Two who append at once get the same rank; the order of their ids, which is the order of time, then decides. So does
 * it behind a key that is so long that the next one would not be kept: nobody can close a board for new items by it.
 */
async function rankAtEnd(pool: Pool, boardId: string): Promise<string> {
  const { rows } = await pool.query<{ rank: string }>({
    name: 'item-last-rank',
    text: 'select rank from items where board_id = $1 order by rank desc limit 1',
    values: [boardId],
  });
  const last = rows[0]?.rank ?? null;
  const next = generateKeyBetween(last, null);
  return last === null || next.length <= MAX_RANK_LENGTH ? next : last;
}
