// A broadcast: what is told to everyone who has a board open now, and kept nowhere.

import { type Static, Type } from 'typebox';
import { PublicUser } from '../accounts/user.ts';
import { FAULT, Timestamp, Uuid } from '../http/schemas.ts';
import { encodeFrame } from '../streams/wire/frame.ts';

/** Of the body. With the sender, who is told too, it still fits into a notification. */
export const MAX_BODY_BYTES = 7 * 1024;

export const NAME_PATTERN = '^[A-Za-z0-9._:-]{1,64}$';

/** Body of `POST /boards/:id/broadcasts`. */
export const NewBroadcast = Type.Object(
  {
    name: Type.String({
      pattern: NAME_PATTERN,
      [FAULT]: 'must be 1 to 64 letters of ASCII, digits and ._:-',
      description: 'What it is, for the pages that know it: `cursor`, `typing`. 1 to 64 letters, digits and `._:-`.',
    }),
    data: Type.Unknown({ description: 'Any JSON.' }),
  },
  { additionalProperties: false, examples: [{ name: 'cursor', data: { x: 40, y: 40 } }] },
);
export type NewBroadcast = Static<typeof NewBroadcast>;

export const Broadcast = Type.Object(
  {
    boardId: Uuid,
    name: Type.String(),
    data: Type.Unknown({ description: 'Any JSON.' }),
    from: Type.Object({
      user: PublicUser,
      streamId: Type.Optional(
        Type.String({ format: 'uuid', description: 'As the sender names it, which was then not told.' }),
      ),
    }),
    at: Timestamp,
  },
  { $id: 'Broadcast', description: 'What somebody tells everyone who has the board open now.' },
);
/** On its way: the channel says of which board. */
export type Broadcast = Omit<Static<typeof Broadcast>, 'boardId'>;

export function broadcastFrame(boardId: string, { name, data, from, at }: Broadcast): string {
  return encodeFrame({ event: 'broadcast', json: JSON.stringify({ boardId, name, data, from, at }) });
}
