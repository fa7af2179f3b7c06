// The log as JSON pages, for whoever reads it without a stream.

import { type Static, Type } from 'typebox';
import { formatCursor } from '../events/cursor.ts';
import type { EventLog } from '../events/event-log.ts';
import { planOpening } from './opening.ts';

export const EventPage = Type.Object(
  {
    events: Type.Array(Type.Ref('BoardEvent')),
    cursor: Type.String({ description: '`after` of the next page, and a cursor to open the stream from.' }),
    hasMore: Type.Boolean(),
    reset: Type.Optional(
      Type.Object(
        { reason: Type.String() },
        { description: '`after` cannot be continued: fetch the board again. `cursor` is then the newest event.' },
      ),
    ),
  },
  { $id: 'EventPage' },
);
export type EventPage = Static<typeof EventPage>;

/** @param after undefined begins with the oldest event that the log still holds */
export async function readEventPage(
  log: EventLog,
  boardId: string,
  after: string | undefined,
  limit: number,
): Promise<EventPage> {
  const { epoch, extents } = await log.extents([boardId]);
  const extent = extents.get(boardId) ?? { head: 0, trimmedTo: 0 };
  const { position, reset } = after === undefined ? { position: extent.trimmedTo } : planOpening(after, epoch, extent);
  if (reset) return { events: [], cursor: formatCursor(epoch, position), hasMore: false, reset: { reason: reset } };
  const read = await log.readAfter([{ boardId, after: position, limit: limit + 1 }]);
  const events = (read.entries[0] ?? []).map(({ event }) => event);
  const page = events.slice(0, limit);
  const reason = read.epoch !== epoch ? 'epoch' : page[0] && page[0].seq !== position + 1 ? 'trimmed' : undefined;
  if (reason) {
    // Between the two reads. The cursor is that of the first, for which the next page says what has become of it.
    return { events: [], cursor: formatCursor(epoch, extent.head), hasMore: false, reset: { reason } };
  }
  return {
    events: page,
    cursor: formatCursor(epoch, page.at(-1)?.seq ?? position),
    hasMore: events.length > limit,
  };
}
