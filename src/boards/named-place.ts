// A place of a board's log that a client has named by its cursor, for whoever reads what was there.

import { isOf, parseCursor } from '../events/cursor.ts';
import { invalid, Problem } from '../problems/problem.ts';

export interface Extent {
  epoch: string;
  head: number;
}

/**
 * A stream answers an unusable cursor with a reset, since its client wants to go on from anywhere. Who asks for one place
 * can do nothing with another.
 *
 * @param path of the parameter, for the fault
 * @returns the seq
 * @throws Problem TB_INVALID for what is no cursor, and for a place that is still to come; TB_TRIMMED for one of another
 *   history: what it stood for is not in this log
 */
export function readNamedPlace(text: string, path: string, boardId: string, { epoch, head }: Extent): number {
  const cursor = parseCursor(text);
  if (!cursor) throw invalid(path, 'must be a cursor, as snapshots, events and pages have them');
  if (!isOf(cursor, { epoch, boardId })) {
    throw new Problem('TB_TRIMMED', 'This cursor is of another board, or of before the database was restored.');
  }
  if (cursor.seq > head) throw invalid(path, 'names a place to which the board has not come yet');
  return cursor.seq;
}
