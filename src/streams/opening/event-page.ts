// The log as JSON pages, for whoever reads it without a stream.

import { Type } from 'typebox';
import { formatCursor } from '../../events/cursor.ts';
import type { EventLog } from '../../events/event-log.ts';
import { oneOf } from '../../http/schemas.ts';
import { type ResetReason, resetReasons } from '../wire/frame-schemas.ts';
import { planOpening } from './start-place.ts';

export const EventPage = Type.Object(
  {
    events: Type.Array(Type.Ref('BoardEvent')),
    cursor: Type.String({ description: '`after` of the next page, and a cursor to open the stream from.' }),
    hasMore: Type.Boolean({ description: 'Whether the log goes on. Large events make a page end before its `limit`.' }),
    reset: Type.Optional(
      Type.Object(
        { reason: oneOf([...resetReasons]) },
        { description: '`after` cannot be continued: fetch the board again. `cursor` is then the newest event.' },
      ),
    ),
  },
  { $id: 'EventPage' },
);

/** A page ends with the event that makes it as large: its reader may be in no hurry to take it. */
export const PAGE_BYTES = 1024 * 1024;
/** Events that are read at a time: what a page is made from is bounded too, whatever they weigh. */
export const EVENTS_PER_READ = 100;

/**
 * @param after undefined begins with the oldest event that the log still holds
 * @param limit events at most; large ones make the page end before
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
  const { events, hasMore, fault } = await collect(log, { epoch, boardId, position, limit });
  // Between two reads. The cursor is that of the first, for which the next page says what has become of it.
  if (fault && events.length === 0) return resetPage(formatCursor(history, extent.head), fault);
  const cursor = JSON.stringify(formatCursor(history, position + events.length));
  return `{"events":[${events.join()}],"cursor":${cursor},"hasMore":${hasMore}}`;
}

interface Collected {
  events: string[];
  /** Whether the log goes on after them. */
  hasMore: boolean;
  /** Why it cannot be told how. */
  fault?: ResetReason;
}

async function collect(
  log: EventLog,
  { epoch, boardId, position, limit }: { epoch: string; boardId: string; position: number; limit: number },
): Promise<Collected> {
  const events: string[] = [];
  let bytes = 0;
  for (;;) {
    const wanted = Math.min(EVENTS_PER_READ, limit - events.length);
    const read = await log.readAfter([{ boardId, after: position + events.length, limit: wanted + 1 }]);
    const entries = read.entries[0] ?? [];
    if (read.epoch !== epoch) return { events, hasMore: true, fault: 'epoch' };
    let taken = 0;
    for (const { seq, json } of entries.slice(0, wanted)) {
      if (seq !== position + events.length + 1) return { events, hasMore: true, fault: 'trimmed' };
      if (json === undefined) return { events, hasMore: true, fault: 'gap' };
      events.push(json);
      taken += 1;
      bytes += json.length;
      if (bytes >= PAGE_BYTES) break;
    }
    const hasMore = entries.length > taken;
    if (!hasMore || bytes >= PAGE_BYTES || events.length >= limit) return { events, hasMore };
  }
}

function resetPage(cursor: string, reason: ResetReason): string {
  return JSON.stringify({ events: [], cursor, hasMore: false, reset: { reason } });
}
