// If-Match (RFC 9110, 13.1.1): the versions that a write may find.

import { Type } from 'typebox';
import { invalid } from '../errors.ts';
import { writerHeaders } from './writer.ts';

export const MAX_VERSION = 2 ** 31 - 1;
/** One element of the list, which may be empty, and the comma behind it. A weak tag has `W/` before it. */
const element = /[\t ]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[\t ]*)?(,|$)/y;

/** The header fields of a write that may depend on what it finds. */
export const conditionalHeaders = Type.Object({
  ...writerHeaders.properties,
  'if-match': Type.Optional(
    Type.String({
      description:
        'ETags of the item, or `*`. When it has none of them any more, nothing is written: 412 `TB_CONFLICT` with ' +
        '`current`, `base` and `conflicts`. A weak tag never matches.',
      examples: ['"3"'],
    }),
  ),
});

/**
 * @returns the versions that are named, those that can be one; undefined when the item only has to be there
 * @throws Problem TB_INVALID
 */
export function parseIfMatch(header: string | undefined): number[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  const versions: number[] = [];
  let tags = 0;
  element.lastIndex = 0;
  for (let more = true; more; ) {
    const [, weak, tag, comma] = element.exec(header) ?? malformed();
    more = comma !== '';
    if (tag === undefined) continue;
    tags += 1;
    if (weak === undefined && /^[1-9]\d{0,9}$/.test(tag) && Number(tag) <= MAX_VERSION) versions.push(Number(tag));
  }
  return tags > 0 ? versions : malformed();
}

function malformed(): never {
  throw invalid('/if-match', 'must be * or a list of entity tags, such as "3"');
}
