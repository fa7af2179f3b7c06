// What a stream is told of who is there, and its frame.

import { type Static, Type } from 'typebox';
import { PublicUser } from '../accounts/user.ts';
import { oneOf, Uuid } from '../http/schemas.ts';
import { encodeFrame } from '../streams/wire/frame.ts';

export const PresenceChange = Type.Union(
  [
    Type.Object({
      boardId: Uuid,
      action: Type.Literal('sync'),
      users: Type.Array(PublicUser),
      total: Type.Optional(Type.Integer({ description: 'How many there are, when not all of them are named.' })),
    }),
    Type.Object({ boardId: Uuid, action: oneOf(['join', 'leave']), user: PublicUser }),
  ],
  { $id: 'PresenceChange', description: 'All who have the board open, or one who has come or gone.' },
);
export type PresenceChange = Static<typeof PresenceChange>;

export function presenceFrame(change: PresenceChange): string {
  return encodeFrame({ event: 'presence', json: JSON.stringify(change) });
}
