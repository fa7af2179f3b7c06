// The logs of many boards as one JSON page, for whoever reads them without a stream.

import { Type } from 'typebox';
import type { LogEntry } from '../../events/board-event.ts';
import { formatCursor } from '../../events/cursor.ts';
import { VectorText } from '../../events/cursor-vector.ts';
import type { EventLog } from '../../events/event-log.ts';
import { oneOf, Uuid } from '../../http/schemas.ts';
import { type ResetReason, resetReasons } from '../wire/frame-schemas.ts';
import { EVENTS_PER_READ, PAGE_BYTES } from './event-page.ts';
import type { BoardPlace } from './places.ts';
import { type LastPlaces, planOneOfMany } from './start-place.ts';

export const ManyEventPage = Type.Object(
  {
    events: Type.Array(Type.Ref('BoardEvent'), { description: 'Those of one board in their order.' }),
    cursor: Type.String({
      description: '`after` of the next page, and a cursor to open the stream of the boards from.',
    }),
    hasMore: Type.Boolean({
      description: 'Whether one of the logs goes on. Large events make a page end before its `limit`.',
    }),
    resets: Type.Optional(
      Type.Array(
        Type.Object({
          boardId: Uuid,
          reason: oneOf([...resetReasons]),
          cursor: Type.String({ description: 'The newest event of the board.' }),
        }),
        { description: 'The boards whose place cannot be continued: fetch them again. `cursor` is past them.' },
      ),
    ),
    refused: Type.Optional(
      Type.Array(Type.Object({ boardId: Type.String(), refused: Type.Literal(404) }), {
        description: 'Those that the caller may not see, as the request names them.',
      }),
    ),
  },
  { $id: 'ManyEventPage' },
);

/** Of which one read brings events: with one more each, to see whether there are more. */
const BOARDS_PER_READ = 50;

export interface ManyPageRequest {
  /** All of one history; those that the user may see, not empty. */
  boards: Array<{ boardId: string; place: BoardPlace; cursor: string | undefined }>;
  /** What `after` says. */
  last: LastPlaces;
  /** Events at most. */
  limit: number;
  refused: string[];
}

interface BoardState {
  boardId: string;
  place: BoardPlace;
  position: number;
  /** Events of this page. */
  taken: number;
  reset?: ResetReason;
}

interface Page {
  events: string[];
  bytes: number;
  hasMore: boolean;
}

/**
 * Boards take turns, each with the same share of a read, and who is first moves on from page to page: one on which much
 * happens keeps no other waiting.
 *
 * @returns a `ManyEventPage` as JSON
 */
export async function readManyEventPage(log: EventLog, request: ManyPageRequest): Promise<string> {
  const { boards, last, limit, refused } = request;
  const epoch = boards[0]?.place.epoch ?? '';
  const states = boards.map((board) => startOf(board, last));
  const page = await collect(log, epoch, states, limit);
  const resets = states.flatMap(({ boardId, position, reset }) =>
    reset ? [{ boardId, reason: reset, cursor: formatCursor({ epoch, boardId }, position) }] : [],
  );
  const places = states.flatMap(({ place: { number }, position }) =>
    number === null ? [] : [{ number, seq: position }],
  );
  const rest = JSON.stringify({
    cursor: new VectorText({ epoch, isRestLost: false }, places).toString(),
    hasMore: page.hasMore,
    ...(resets.length > 0 && { resets }),
    ...(refused.length > 0 && { refused: refused.map((boardId) => ({ boardId, refused: 404 })) }),
  });
  return `{"events":[${page.events.join()}],${rest.slice(1)}`;
}

function startOf({ boardId, place, cursor }: ManyPageRequest['boards'][number], last: LastPlaces): BoardState {
  const { epoch, number, trimmedTo } = place;
  const { position, reset, resumedFrom } = planOneOfMany({ last, cursor, number }, { epoch, boardId }, place);
  // One of which nothing is said begins with the oldest event that the log still holds.
  const start = reset || resumedFrom !== undefined ? position : trimmedTo;
  return { boardId, place, position: start, taken: 0, ...(reset && { reset }) };
}

async function collect(log: EventLog, epoch: string, states: BoardState[], limit: number): Promise<Page> {
  const page: Page = { events: [], bytes: 0, hasMore: false };
  const first = firstOf(states, limit);
  const waiting = [...states.slice(first), ...states.slice(0, first)].filter(
    ({ position, place, reset }) => !reset && position < place.head,
  );
  while (waiting.length > 0 && page.events.length < limit && page.bytes < PAGE_BYTES) {
    const wanted = Math.min(EVENTS_PER_READ, limit - page.events.length);
    const turn = waiting.splice(0, Math.min(BOARDS_PER_READ, wanted));
    const share = Math.floor(wanted / turn.length);
    const read = await log.readAfter(
      turn.map(({ boardId, position }) => ({ boardId, after: position, limit: share + 1 })),
    );
    if (read.epoch !== epoch) {
      // Between two reads. The cursor is that of the first, for which the next page says what has become of it.
      if (page.events.length === 0) for (const state of states) lose(state, 'epoch');
      return { ...page, hasMore: page.events.length > 0 };
    }
    for (const [index, state] of turn.entries()) {
      const outcome = takeFrom(read.entries[index] ?? [], share, state, page);
      if (outcome === 'more') waiting.push(state);
      else if (outcome === 'stopped') page.hasMore = true;
    }
  }
  return { ...page, hasMore: page.hasMore || waiting.length > 0 };
}

/**
 * From page to page it moves on by as many boards as get a turn, or a few less: where that has a divisor in common with
 * how many there are, some would never be first.
 */
function firstOf(states: BoardState[], limit: number): number {
  const pages = Math.floor(states.reduce((sum, { position }) => sum + position, 0) / limit);
  let step = Math.min(BOARDS_PER_READ, limit);
  while (commonDivisor(step, states.length) > 1) step -= 1;
  return (pages * step) % states.length;
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}

/** @returns whether the log of the board goes on; `stopped`: not on this page */
function takeFrom(entries: LogEntry[], share: number, state: BoardState, page: Page): 'more' | 'stopped' | 'done' {
  for (const { seq, json } of entries.slice(0, share)) {
    if (page.bytes >= PAGE_BYTES) return 'more';
    if (seq !== state.position + 1 || json === undefined) {
      // What was told before it is told; the next page says the rest.
      if (state.taken > 0) return 'stopped';
      lose(state, json === undefined ? 'gap' : 'trimmed');
      return 'done';
    }
    page.events.push(json);
    page.bytes += json.length;
    state.position = seq;
    state.taken += 1;
  }
  return entries.length > share ? 'more' : 'done';
}

function lose(state: BoardState, reason: ResetReason): void {
  state.position = state.place.head;
  state.reset = reason;
}
