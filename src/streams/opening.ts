// Where a stream starts: what the client's cursor and the log say, as a rule without I/O.

import { formatCursor, type History, isOf, parseCursor } from '../events/cursor.ts';
import type { LogExtent } from '../events/event-log.ts';
import type { ResetReason } from './frame.ts';

export interface Opening {
  /** The stream's place in the log: the first event it gets is the next one. */
  position: number;
  /** The cursor that is continued. */
  resumedFrom?: string;
  /** Why the client's cursor cannot be continued. */
  reset?: ResetReason;
}

/**
 * @param cursor the client's Last-Event-ID, undefined when it named none
 * @param history of the board now
 * @param extent of the board's log, not older than the cursor
 */
export function planOpening(cursor: string | undefined, history: History, extent: LogExtent): Opening {
  if (cursor === undefined) return { position: extent.head };
  const parsed = parseCursor(cursor);
  if (!parsed) return { position: extent.head, reset: 'malformed' };
  // Before the numbers: those of another history, or of another board, mean nothing in this one.
  if (!isOf(parsed, history)) return { position: extent.head, reset: 'epoch' };
  if (parsed.seq > extent.head) return { position: extent.head, reset: 'ahead' };
  if (parsed.seq < extent.trimmedTo) return { position: extent.head, reset: 'trimmed' };
  return { position: parsed.seq, resumedFrom: formatCursor(history, parsed.seq) };
}
