// A board, its members and its items as the API shows them, and what may be written to them.

import { type Static, Type } from 'typebox';
import { CursorText, oneOf, Timestamp, Uuid, uuidInput } from '../http/schemas.ts';
import { nameInput } from '../name.ts';

const nullableUuid = (description: string) => Type.Union([Uuid, Type.Null()], { description });
const layout = oneOf(['canvas', 'list']);
const boardName = nameInput(200);

export const Role = oneOf(['owner', 'editor', 'viewer']);
export type Role = Static<typeof Role>;

const stamps = {
  version: Type.Integer({ minimum: 1, description: 'Counts the changes, from 1.' }),
  createdBy: nullableUuid('The user; null for a writer that is no user.'),
  createdAt: Timestamp,
  updatedBy: nullableUuid('Who made the newest change.'),
  updatedAt: Timestamp,
};

export const Board = Type.Object({ id: Uuid, name: Type.String(), layout, ...stamps }, { $id: 'Board' });
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
export const MAX_RANK_LENGTH = 200;
const rank = Type.String({
  minLength: 2,
  maxLength: MAX_RANK_LENGTH,
  pattern: '^[A-Za-z][0-9A-Za-z]+$',
  description: 'A fractional-indexing key: items are ordered by it, byte by byte, then by id.',
});
const data = Type.Object(
  {},
  {
    additionalProperties: true,
    description:
      'Any JSON object of at most 16 KiB, counted without blanks between its parts. A patch of it may have 64 KiB. ' +
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

export const Snapshot = Type.Object(
  {
    board: Type.Ref('Board'),
    items: Type.Array(Type.Ref('Item'), { description: 'In the order of `rank`, then `id`.' }),
    members: Type.Array(Type.Ref('Member'), { description: 'In the order in which they joined.' }),
    cursor: CursorText,
  },
  { $id: 'Snapshot', description: 'One consistent snapshot; `cursor` stands for the last event that it holds.' },
);

/** Body of `POST /boards`. */
export const NewBoard = Type.Object(
  { name: boardName, layout: Type.Optional(layout) },
  { additionalProperties: false },
);
export type NewBoard = Static<typeof NewBoard>;

/** Body of `PATCH /boards/:id`: a merge patch (RFC 7396). */
export const BoardPatch = Type.Partial(Type.Object({ name: boardName, layout }), {
  additionalProperties: false,
  minProperties: 1,
});
export type BoardPatch = Static<typeof BoardPatch>;

/** Body of `POST /boards/:id/members`. */
export const NewMember = Type.Object({ userId: uuidInput(), role: Role }, { additionalProperties: false });

/** Body of `PATCH /boards/:id/members/:userId`. */
export const MemberPatch = Type.Object({ role: Role }, { additionalProperties: false });

/** Body of `POST /boards/:id/items`. */
export const NewItem = Type.Object(
  {
    text: itemFields.text,
    x: Type.Optional(itemFields.x),
    y: Type.Optional(itemFields.y),
    color: Type.Optional(color),
    rank: Type.Optional(rank),
    data: Type.Optional(data),
  },
  { additionalProperties: false },
);
export type NewItem = Static<typeof NewItem>;

/** Body of `PATCH /boards/:id/items/:itemId`: a merge patch (RFC 7396), also of what is inside `data`. */
export const ItemPatch = Type.Partial(Type.Object(itemFields), { additionalProperties: false, minProperties: 1 });
export type ItemPatch = Static<typeof ItemPatch>;

/** The named schemas, which the others refer to. */
export const boardSchemas = [Board, Member, Item, Snapshot];
