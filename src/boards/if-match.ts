// If-Match: the versions that a write may find.

import { Type } from 'typebox';
import { type Cursor, parseCursor } from '../events/cursor.ts';
import { type EntityTags, parseIfMatch } from '../http/entity-tags.ts';
import { writerHeaders } from './writer.ts';

export const MAX_VERSION = 2 ** 31 - 1;

const otherwise =
  'When it has none of them any more, nothing is written: 412 `TB_CONFLICT` with `current`, `base` and `conflicts`. ' +
  'What a proxy that compresses makes of an ETag (`W/"3"`, `"3-gzip"`) is taken for it.';

/** The header fields of a write of an item that may depend on what it finds. */
export const conditionalHeaders = Type.Object({
  ...writerHeaders.properties,
  'if-match': Type.Optional(
    Type.String({ description: `ETags of the item, or \`*\`. ${otherwise}`, examples: ['"3"'] }),
  ),
});

/** The same of a board. */
export const boardConditionalHeaders = Type.Object({
  ...writerHeaders.properties,
  'if-match': Type.Optional(
    Type.String({
      description:
        'Versions of the board, quoted: its name and layout are as they were. Or ETags of its snapshot: nothing at all, ' +
        `no item and no member, has changed since. Or \`*\`. ${otherwise}`,
      examples: ['"3"', '"5f0c9a3e-42"'],
    }),
  ),
});

/**
 * @returns the versions that are named, those that can be one; undefined when the item only has to be there
 * @throws Problem TB_INVALID
 */
export function parseVersions(header: string | undefined): number[] | undefined {
  const tags = parseIfMatch(header);
  return tags === undefined || tags === 'any' ? undefined : versionsIn(tags);
}

/** What a write of a board depends on: one of these. */
export interface BoardTags {
  versions: number[];
  /** Of snapshots, of whichever board. */
  cursors: Cursor[];
}

/**
 * @returns undefined when the board only has to be there
 * @throws Problem TB_INVALID
 */
export function parseBoardTags(header: string | undefined): BoardTags | undefined {
  const tags = parseIfMatch(header);
  if (tags === undefined || tags === 'any') return undefined;
  return { versions: versionsIn(tags), cursors: [...tags].flatMap((tag) => parseCursor(tag) ?? []) };
}

function versionsIn(tags: Exclude<EntityTags, 'any'>): number[] {
  return [...tags].filter((tag) => /^[1-9]\d{0,9}$/.test(tag) && Number(tag) <= MAX_VERSION).map(Number);
}
