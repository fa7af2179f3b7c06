// A personal API token as the API shows one: never with its secret, but in the answer that made it.

import { type Static, Type } from 'typebox';
import { Timestamp, Uuid } from '../http/schemas.ts';
import { Name } from './user.ts';

/** Tells a token of ours from other bearer tokens, and tells scanners for leaked secrets what they have found. */
export const TOKEN_PREFIX = 'tb_';

export const Token = Type.Object(
  {
    id: Uuid,
    name: Type.String(),
    createdAt: Timestamp,
    expiresAt: Type.Union([Timestamp, Type.Null()], { description: 'Null: never.' }),
  },
  { $id: 'Token' },
);
export type Token = Static<typeof Token>;

/** Body of `POST /tokens`. */
export const NewToken = Type.Object(
  {
    name: Name,
    expiresInDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 3650, description: 'Never, when it is absent.' })),
  },
  { additionalProperties: false, examples: [{ name: 'ci', expiresInDays: 30 }] },
);
