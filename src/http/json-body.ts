// From the bytes of a body to JSON, and what is refused before the work of reading it.

import { isUtf8 } from 'node:buffer';
import { invalid, Problem } from '../problems/problem.ts';

/**
 * Members of objects and elements of arrays that a body may have, all in all. To read a megabyte of the smallest takes
 * a tenth of a second, in which nobody else is served; so many take a tenth of that.
 */
export const MAX_VALUES = 50_000;
/** In which a value and its comma fit. */
const LEAST_BYTES = 2;

const [QUOTE, COMMA, BRACKET, BACKSLASH, BRACE] = [0x22, 0x2c, 0x5b, 0x5c, 0x7b];

/** The header fields that say how a body is written. */
export interface BodyForm {
  'content-type'?: string | undefined;
  'content-encoding'?: string | undefined;
}

/** @throws Problem TB_UNSUPPORTED_MEDIA_TYPE for what is not plain UTF-8 by its own account */
export function assertPlain({ 'content-type': type = '', 'content-encoding': encoding = 'identity' }: BodyForm): void {
  if (encoding.trim().toLowerCase() !== 'identity') {
    throw new Problem('TB_UNSUPPORTED_MEDIA_TYPE', 'Send the body as it is, without Content-Encoding.', {
      headers: { 'accept-encoding': 'identity' },
    });
  }
  // JSON is UTF-8 and has no such parameter (RFC 8259, 8.1 and 11); many send it all the same.
  for (const [, quoted, plain = quoted] of type.matchAll(/;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;"]*))/gi)) {
    if (/^utf-?8$/i.test(plain ?? '')) continue;
    throw new Problem('TB_UNSUPPORTED_MEDIA_TYPE', 'Send JSON in UTF-8.');
  }
}

/**
 * @returns the text
 * @throws Problem TB_INVALID for what is no UTF-8, where a decoder would put U+FFFD, and for more than
 *   {@link MAX_VALUES}
 */
export function decodeJson(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw invalid('/', 'must be UTF-8');
  if (bytes.length > MAX_VALUES * LEAST_BYTES && countValues(bytes) > MAX_VALUES) {
    throw invalid('/', `must not have more than ${MAX_VALUES} members and elements, all in all`);
  }
  return bytes.toString('utf8');
}

/** Counts what stands before each value but for a colon, outside of strings; one too many is enough. */
function countValues(bytes: Buffer): number {
  let count = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length && count <= MAX_VALUES; at += 1) {
    const byte = bytes[at];
    if (isInString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === COMMA || byte === BRACE || byte === BRACKET) count += 1;
  }
  return count;
}
