// A board, its members and its items as the API shows them, and what may be written to them.

import { type Static, Type } from 'typebox';
import { nameInput } from '../http/name.ts';
import { CursorText, FAULT, KEY_PATTERN, oneOf, Timestamp, Uuid, uuidInput } from '../http/schemas.ts';
import { newItemId } from './item-id.ts';
import { rank, rankInput } from './rank.ts';

const nullableUuid = (description: string) => Type.Union([Uuid, Type.Null()], { description });
const layout = oneOf(['canvas', 'list']);
const boardName = nameInput(200);
const boardKey = Type.String({
  pattern: KEY_PATTERN,
  [FAULT]: 'must be 1 to 128 letters of ASCII, digits and ._:-',
  description: 'What an application calls the board: `~` and the key stand wherever its id does. It never changes.',
  examples: ['shelf:42'],
});

export const Role = oneOf(['owner', 'editor', 'viewer']);
export type Role = Static<typeof Role>;

const stamps = {
  version: Type.Integer({ minimum: 1, description: 'Counts the changes, from 1.' }),
  createdBy: nullableUuid('The user; null for a writer that is no user.'),
  createdAt: Timestamp,
  updatedBy: nullableUuid('Who made the newest change.'),
  updatedAt: Timestamp,
};

export const Board = Type.Object(
  { id: Uuid, name: Type.String(), layout, key: Type.Optional(boardKey), ...stamps },
  { $id: 'Board' },
);
export type Board = Static<typeof Board>;

export const Member = Type.Object(
  {
    boardId: Uuid,
    user: Type.Object({ id: Uuid, name: Type.String() }),
    role: Role,
    createdAt: Timestamp,
  },
  { $id: 'Member' },
);
export type Member = Static<typeof Member>;

const color = oneOf(['yellow', 'orange', 'red', 'pink', 'purple', 'blue', 'green', 'gray']);
const data = Type.Object(
  {},
  {
    additionalProperties: true,
    description:
      'Any JSON object of at most 16 KiB, counted as answers show it, but without blanks between its parts: there 1e21 is ' +
      '1000000000000000000000. A patch of it may have 64 KiB. ' +
      'Its numbers must be such that a double keeps: 12345678901234567890 is refused, send it as text.',
  },
);
const itemFields = {
  text: Type.String({ maxLength: 10_000 }),
  x: Type.Number(),
  y: Type.Number(),
  color,
  rank,
  data,
};

export const Item = Type.Object({ id: Uuid, boardId: Uuid, ...itemFields, ...stamps }, { $id: 'Item' });
export type Item = Static<typeof Item>;

const stampsExample = {
  version: 1,
  createdBy: '01970000-0000-7000-8000-0000000000a1',
  createdAt: '2026-05-04T09:00:00.000Z',
  updatedBy: '01970000-0000-7000-8000-0000000000a1',
  updatedAt: '2026-05-04T09:00:00.000Z',
};
export const boardExample: Board = {
  id: '01970000-0000-7000-8000-0000000000b1',
  name: 'Plans',
  layout: 'list',
  ...stampsExample,
};
export const itemExample = {
  id: '01970000-0000-7000-8000-0000000000c1',
  boardId: boardExample.id,
  text: 'Milk',
  x: 0,
  y: 0,
  color: 'yellow',
  rank: 'a0',
  data: {},
  ...stampsExample,
} satisfies Item;

export const Snapshot = Type.Object(
  {
    board: Type.Ref('Board'),
    items: Type.Array(Type.Ref('Item'), { description: 'In the order of `rank`, then `id`.' }),
    members: Type.Array(Type.Ref('Member'), { description: 'In the order in which they joined.' }),
    tables: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Array(Type.Object({ id: Type.String(), object: Type.Object({}, { additionalProperties: true }) })),
        { description: 'The rows of published tables of an application, by their `resource`, in the order of `id`.' },
      ),
    ),
    cursor: CursorText,
  },
  { $id: 'Snapshot', description: 'One consistent snapshot; `cursor` stands for the last event that it holds.' },
);

/** Body of `POST /boards`. */
export const NewBoard = Type.Object(
  { name: boardName, layout: Type.Optional(layout), key: Type.Optional(boardKey) },
  { additionalProperties: false, examples: [{ name: 'Plans' }] },
);
export type NewBoard = Static<typeof NewBoard>;

/** Body of `PATCH /boards/:id`: a merge patch (RFC 7396). */
export const BoardPatch = Type.Partial(Type.Object({ name: boardName, layout }), {
  additionalProperties: false,
  minProperties: 1,
  examples: [{ name: 'Plans for May' }],
});
export type BoardPatch = Static<typeof BoardPatch>;

/** Body of `POST /boards/:id/members`. */
export const NewMember = Type.Object(
  { userId: uuidInput(), role: Role },
  { additionalProperties: false, examples: [{ userId: '01970000-0000-7000-8000-0000000000a2', role: 'editor' }] },
);

/** Body of `PATCH /boards/:id/members/:userId`. */
export const MemberPatch = Type.Object({ role: Role }, { additionalProperties: false, examples: [{ role: 'viewer' }] });

/** A new item without its id. */
export const NewItemFields = Type.Object(
  {
    text: itemFields.text,
    x: Type.Optional(itemFields.x),
    y: Type.Optional(itemFields.y),
    color: Type.Optional(color),
    rank: Type.Optional(rankInput),
    data: Type.Optional(data),
  },
  { additionalProperties: false },
);

/** Body of `POST /boards/:id/items`. */
export const NewItem = Type.Object(
  { id: Type.Optional(newItemId), ...NewItemFields.properties },
  { additionalProperties: false, examples: [{ text: 'Milk' }] },
);
export type NewItem = Static<typeof NewItem>;

/** Body of `PATCH /boards/:id/items/:itemId`: a merge patch (RFC 7396), also of what is inside `data`. */
export const ItemPatch = Type.Partial(Type.Object({ ...itemFields, rank: rankInput }), {
  additionalProperties: false,
  minProperties: 1,
  examples: [{ text: 'Milk and bread' }],
});
export type ItemPatch = Static<typeof ItemPatch>;

/** The named schemas, which the others refer to. */
export const boardSchemas = [Board, Member, Item, Snapshot];
