// A user as the API shows one, and what may be written to one.

import { type Static, Type } from 'typebox';
import { nameInput } from '../http/name.ts';
import { OPTIONAL, Timestamp, Uuid } from '../http/schemas.ts';

export const User = Type.Object(
  {
    id: Uuid,
    name: Type.String(),
    guest: Type.Boolean({ description: 'True while the account has no email and ends with its cookie.' }),
    email: Type.Union([Type.String(), Type.Null()], {
      description: 'Null for a guest, and for a user of another application. Only the user sees it.',
    }),
    createdAt: Timestamp,
  },
  { $id: 'User', description: 'A user as they see themselves.' },
);
export type User = Static<typeof User>;

/** A user as others see one. */
export const PublicUser = Type.Object({ id: Uuid, name: Type.String() });
export type PublicUser = Static<typeof PublicUser>;

export const MAX_NAME_LENGTH = 100;
/** Also of a token: something to tell it by. */
export const Name = nameInput(MAX_NAME_LENGTH);

const Email = Type.String({
  maxLength: 254,
  description: 'Trimmed. Upper and lower case are kept, and make no difference.',
});

const Password = Type.String({
  minLength: 8,
  maxLength: 1024,
  description: 'At least 8 characters, and at most 1,024 bytes of UTF-8.',
});

/** At sign-in any password may be tried: a short one is wrong, and no fault of the form. */
const TriedPassword = Type.String({ maxLength: 1024 });

const credentialsExample = { email: 'ada@example.org', password: 'correct horse' };

/** Body of `POST /guests`. */
export const NewGuest = Type.Object({ name: Name }, { additionalProperties: false, examples: [{ name: 'Ada' }] });

/** Body of `POST /users`. */
export const NewUser = Type.Object(
  { name: Name, email: Email, password: Password },
  { additionalProperties: false, examples: [{ name: 'Ada', ...credentialsExample }] },
);
export type NewUser = Static<typeof NewUser>;

/** Body of `POST /session`. */
export const Credentials = Type.Object(
  { email: Type.String({ maxLength: 254 }), password: TriedPassword },
  { additionalProperties: false, examples: [credentialsExample] },
);
export type Credentials = Static<typeof Credentials>;

/** Body of `PATCH /users/me`. */
export const UserPatch = Type.Object(
  {
    name: Type.Optional(Name),
    email: Type.Optional(Email),
    password: Type.Optional(Password),
    currentPassword: Type.Optional(
      Type.String({ maxLength: 1024, description: 'Goes with a new email or password. A guest has none.' }),
    ),
  },
  { additionalProperties: false, minProperties: 1, examples: [{ name: 'Ada Lovelace' }] },
);
export type UserPatch = Static<typeof UserPatch>;

/** Body of `DELETE /users/me`. */
export const UserDeletion = Type.Object(
  {
    currentPassword: Type.Optional(
      Type.String({ maxLength: 1024, description: 'A guest has none, and may leave the body out.' }),
    ),
  },
  {
    additionalProperties: false,
    // Who sends null may have lost a password on the way: no account goes by that.
    [OPTIONAL]: 'but not null',
    examples: [{ currentPassword: credentialsExample.password }],
  },
);
