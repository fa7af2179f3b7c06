// What a rank is: a key of fractional indexing. The function `is_rank` of the migrations says the same, for whoever else
// writes. A text of another form could have no key before or behind it, and nobody could move an item next to it.

import { Type } from 'typebox';
import { FAULT } from '../http/schemas.ts';

export const MAX_RANK_LENGTH = 200;
/** Of the schemas of what comes in. */
export const RANK_FORMAT = 'fractional-index';

const form = /^[A-Za-z][0-9A-Za-z]+$/;
/** What would be before it has no key. */
const FIRST = `A${'0'.repeat(26)}`;

const options = {
  maxLength: MAX_RANK_LENGTH,
  pattern: form.source,
  description: 'A fractional-indexing key: items are ordered by it, byte by byte, then by id.',
  examples: ['a0'],
};

export const rank = Type.String(options);

export const rankInput = Type.String({
  ...options,
  format: RANK_FORMAT,
  [FAULT]: 'must be a key of fractional indexing, such as a0, a1 or a0V, as the libraries of that name make them',
});

/** @returns whether it is a key, of any length */
export function isRank(text: string): boolean {
  if (!form.test(text) || text === FIRST) return false;
  const wholeLength = lengthOfWhole(text);
  // The fraction behind the whole number never ends in 0: the same key would have two spellings.
  return text.length === wholeLength || (text.length > wholeLength && !text.endsWith('0'));
}

/** The first character says how long the whole number is: a to z are 2 to 27, and so are Z to A. */
function lengthOfWhole(text: string): number {
  const first = text.charCodeAt(0);
  return first >= 'a'.charCodeAt(0) ? first - 'a'.charCodeAt(0) + 2 : 'Z'.charCodeAt(0) - first + 2;
}
