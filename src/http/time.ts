// Times that a client sends.

import { Type } from 'typebox';
import { FAULT } from './schemas.ts';

/** RFC 3339, with any offset. */
export const timeInput = (description: string) =>
  Type.String({
    format: 'date-time',
    [FAULT]: 'must be an RFC 3339 time, as 2026-05-04T09:00:00Z (in an address, + is written %2B)',
    description,
    examples: ['2026-05-04T09:00:00Z'],
  });

/**
 * Its last millisecond that is not after it: what is later than the one is later than the other. PostgreSQL itself would
 * not take each of them: of offsets, only those below 16 hours.
 *
 * @param text as {@link timeInput} lets it pass
 */
export function readTime(text: string): Date {
  // A leap second is no time of its own anywhere here.
  return new Date(text.replace(/:60(?:\.\d+)?/, ':59.999'));
}
