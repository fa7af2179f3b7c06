// Where a stream starts: what the client's cursor and the log say, as rules without I/O.

import { formatCursor, type History, isOf, parseCursor } from '../../events/cursor.ts';
import { parseVector, type Vector } from '../../events/cursor-vector.ts';
import type { LogExtent } from '../../events/event-log.ts';
import { MOST_BOARDS } from '../../http/board-list.ts';
import type { Opening } from '../follower-options.ts';

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
  return planFrom(parsed.seq, history, extent);
}

/** What a client of many boards says of where it was: nothing, something that nobody has made, or the places. */
export type LastPlaces = Vector | 'malformed' | undefined;

/** @param lastEventId undefined when the client named none */
export function readLastPlaces(lastEventId: string | undefined): LastPlaces {
  return lastEventId === undefined ? undefined : (parseVector(lastEventId, MOST_BOARDS) ?? 'malformed');
}

export interface OneOfMany {
  last: LastPlaces;
  /** What the request says of this board, for one that `last` does not know. */
  cursor: string | undefined;
  /** Of the board now. */
  number: number | null;
}

/** The same for one of many boards. */
export function planOneOfMany({ last, cursor, number }: OneOfMany, history: History, extent: LogExtent): Opening {
  if (last === undefined) return planOpening(cursor, history, extent);
  if (last === 'malformed') return { position: extent.head, reset: 'malformed' };
  if (last.epoch !== history.epoch) return { position: extent.head, reset: 'epoch' };
  if (number === null || !last.places.has(number)) {
    return last.isRestLost ? { position: extent.head, reset: 'epoch' } : planOpening(cursor, history, extent);
  }
  const seq = last.places.get(number);
  // The client was cut while a reset or a snapshot was due.
  return seq === undefined ? { position: extent.head, reset: 'gap' } : planFrom(seq, history, extent);
}

function planFrom(seq: number, history: History, { head, trimmedTo }: LogExtent): Opening {
  if (seq > head) return { position: head, reset: 'ahead' };
  if (seq < trimmedTo) return { position: head, reset: 'trimmed' };
  return { position: seq, resumedFrom: formatCursor(history, seq) };
}
