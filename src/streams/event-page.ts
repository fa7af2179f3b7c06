// The log as JSON pages, for whoever reads it without a stream.

import { Type } from 'typebox';
import { formatCursor } from '../events/cursor.ts';
import type { EventLog } from '../events/event-log.ts';
import type { ResetReason } from './frame.ts';
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

/**
 * @param after undefined begins with the oldest event that the log still holds
 * @returns an `EventPage` as JSON
 */
export async function readEventPage(
  log: EventLog,
  boardId: string,
  after: string | undefined,
  limit: number,
): Promise<string> {
  const { epoch, extents } = await log.extents([boardId]);
  const history = { epoch, boardId };
  const extent = extents.get(boardId) ?? { head: 0, trimmedTo: 0 };
  const { position, reset } =
    after === undefined ? { position: extent.trimmedTo } : planOpening(after, history, extent);
  if (reset) return resetPage(formatCursor(history, position), reset);
  const read = await log.readAfter([{ boardId, after: position, limit: limit + 1 }]);
  const entries = read.entries[0] ?? [];
  const events = entries.slice(0, limit).map(({ json }) => json);
  const untold = events.indexOf(undefined);
  const page = untold < 0 ? events : events.slice(0, untold);
  let reason: ResetReason | undefined;
  // Between the two reads. The cursor is that of the first, for which the next page says what has become of it.
  if (read.epoch !== epoch) reason = 'epoch';
  else if (entries[0] && entries[0].seq !== position + 1) reason = 'trimmed';
  else if (untold === 0) reason = 'gap';
  if (reason) return resetPage(formatCursor(history, extent.head), reason);
  const cursor = JSON.stringify(formatCursor(history, position + page.length));
  return `{"events":[${page.join()}],"cursor":${cursor},"hasMore":${entries.length > page.length}}`;
}

function resetPage(cursor: string, reason: ResetReason): string {
  return JSON.stringify({ events: [], cursor, hasMore: false, reset: { reason } });
}
