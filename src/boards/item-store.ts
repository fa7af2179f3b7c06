// The SQL of items. Each write is one statement, which checks the writer's role as it writes.

import type { Pool } from 'pg';
import { uuidv7 } from 'uuidv7';
import type { Reader } from '../access/claims.ts';
import type { Item, ItemPatch, NewItem } from './board.ts';
import { rankAtEndSql } from './rank-store.ts';
import { mayWrite, type WriteBoard } from './write-store.ts';
import type { Writer } from './writer.ts';
import type { Written } from './written.ts';

export interface ItemStore {
  /** @returns undefined when there is no such item or the reader may not see the board */
  get(reader: Reader, boardId: string, itemId: string): Promise<FoundItem | undefined>;
  /**
   * Without a rank the item goes to the end of the list.
   *
   * @returns undefined when the writer may not write there
   * @throws the error of the database, for TB_ID_TAKEN and TB_LIMIT_REACHED
   */
  create(writer: Writer, boardId: string, item: NewItem): Promise<Written<Item> | undefined>;
  /** @returns undefined when there is no such item in such a version or the writer may not write there */
  update(writer: Writer, item: ItemAddress, patch: ItemPatch): Promise<Written<Item> | undefined>;
  /** @returns undefined when there is no such item in such a version or the writer may not write there */
  delete(writer: Writer, item: ItemAddress): Promise<Written<null> | undefined>;
}

export interface FoundItem {
  /** As the database writes it, which is how events and snapshots show it: `1.0` stays `1.0`. */
  json: string;
  version: number;
}

export interface ItemAddress {
  boardId: string;
  itemId: string;
  /** Those in which it may be written; undefined: any. */
  versions: number[] | undefined;
}

// An UPDATE or DELETE that waited for a lock asks this again of the row that it then finds: of two who come for one
// version, one gets it.
const isAddressed = `items.id = $4 and items.board_id = $3 and ($5::int[] is null or items.version = any($5))`;

/**
 * What is remembered of a written item for repeats, when this write has a key ($2) and the item large values; and where
 * those are.
 */
export const cutColumns = `
  case when $2::text is not null and num_nonnulls(items.text_value, items.data_value) > 0 then :schema.cut_item(items) end as cut,
  items.text_value, items.data_value`;
const writtenColumns = `:schema.item_object(items) as object, ${cutColumns}`;
/** Ends the WITH queries of a write of one item, which `item` has returned. */
const writtenItem = `written as (
  select object, cut, array[text_value] as text_values, array[data_value] as data_values from item
)`;

/** How each field of a patch is set. Those that the patch does not name are left alone, whoever writes them meanwhile. */
const assignments: Record<keyof ItemPatch, (parameter: string) => string> = {
  text: (parameter) => `text = ${parameter}`,
  x: (parameter) => `x = ${parameter}`,
  y: (parameter) => `y = ${parameter}`,
  color: (parameter) => `color = ${parameter}`,
  rank: (parameter) => `rank = ${parameter}`,
  data: (parameter) => `data = :schema.merge_patch(data, ${parameter}::jsonb)`,
};

export function createItemStore(pool: Pool, writeBoard: WriteBoard): ItemStore {
  return {
    async get({ userId, claims }, boardId, itemId) {
      const { rows } = await pool.query<FoundItem>({
        name: 'item-get',
        text: `select :schema.item_object(items)::text as json, items.version from :schema.items, :schema.access_to($2, $3, $4)
               where items.id = $1 and board_id = $2`,
        values: [itemId, boardId, userId, claims?.json],
      });
      return rows[0];
    },

    async create(writer, boardId, { id = uuidv7(), text, x, y, color, rank, data }) {
      return writeBoard<Item>(writer, boardId, {
        name: 'item-create',
        isCut: true,
        text: `item as (
                 insert into :schema.items (id, board_id, text, x, y, color, rank, data)
                 select $4, $3, $5, coalesce($6::float8, 0), coalesce($7::float8, 0), coalesce($8, 'yellow'),
                   coalesce($9, ${rankAtEndSql}), coalesce($10::jsonb, '{}')
                 from context, access where ${mayWrite}
                 returning ${writtenColumns}
               ), ${writtenItem}`,
        values: [id, text, x, y, color, rank, data],
      });
    },

    async update(writer, { boardId, itemId, versions }, patch) {
      const fields = (Object.keys(assignments) as Array<keyof ItemPatch>).filter((field) => field in patch);
      const set = fields.map((field, index) => assignments[field](`$${index + 6}`));
      return writeBoard<Item>(writer, boardId, {
        name: `item-update-${fields.join('-')}`,
        isCut: true,
        text: `item as (
                 update :schema.items set ${set.join(', ')}
                 from context, access where ${isAddressed} and ${mayWrite}
                 returning ${writtenColumns}
               ), ${writtenItem}`,
        values: [itemId, versions, ...fields.map((field) => patch[field])],
      });
    },

    async delete(writer, { boardId, itemId, versions }) {
      return writeBoard<null>(writer, boardId, {
        name: 'item-delete',
        text: `written as (
                 delete from :schema.items using context, access
                 where ${isAddressed} and ${mayWrite}
                 returning null::json as object
               )`,
        values: [itemId, versions],
      });
    },
  };
}
