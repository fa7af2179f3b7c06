// A broadcast: what is told to everyone who has a board open now, and kept nowhere.

import { type Static, Type } from 'typebox';

/** Of the body. With the sender, who is told too, it still fits into a notification. */
export const MAX_BODY_BYTES = 7 * 1024;

export const NAME_PATTERN = '^[A-Za-z0-9._:-]{1,64}$';

/** Body of `POST /boards/:id/broadcasts`. */
export const NewBroadcast = Type.Object(
  {
    name: Type.String({
      pattern: NAME_PATTERN,
      description: 'What it is, for the pages that know it: `cursor`, `typing`. 1 to 64 letters, digits and `._:-`.',
    }),
    data: Type.Unknown({ description: 'Any JSON.' }),
  },
  { additionalProperties: false },
);
export type NewBroadcast = Static<typeof NewBroadcast>;
