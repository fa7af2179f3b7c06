// The id of an item, which a client may choose: so it can refer to what it has not heard of yet.

import { Type } from 'typebox';
import { FAULT, LOWER_CASE } from '../http/schemas.ts';

/** The nil and the max UUID (RFC 9562, 5.9 and 5.10) are what a program sends that has forgotten to make one. */
const forgotten = /^(?:[0-]*|[fF-]*)$/;
export const ID_FAULT = 'must be a UUID, and neither the nil nor the max one';

/** Of any version: nothing here goes by the order of ids but what has the same rank, which then is in that order. */
export const newItemId = Type.String({
  format: 'uuid',
  pattern: '^(?![0-]*$)(?![fF-]*$)',
  [LOWER_CASE]: true,
  [FAULT]: ID_FAULT,
  description:
    'A UUID of any version that the client has made; by default one is made here. An id names one item of a board: one ' +
    'that an item has, or had while the log of the board still tells of it, answers 409 `TB_ID_TAKEN`. After an answer ' +
    'that got lost, that may be the item of the first attempt; with `Idempotency-Key` a repeat is answered as the first.',
});

export function isForgottenId(id: string): boolean {
  return forgotten.test(id);
}
