// A user as the API shows one.

import { type Static, Type } from 'typebox';
import { Timestamp, Uuid } from '../http/schemas.ts';

export const User = Type.Object(
  {
    id: Uuid,
    name: Type.String(),
    guest: Type.Boolean({ description: 'True while the account has no email and ends with its cookie.' }),
    createdAt: Timestamp,
  },
  { $id: 'User' },
);
export type User = Static<typeof User>;
