// The log of a board, read from where it begins to where it is now: events by their numbers, and the board at a place.

import type { BoardEvent, Snapshot } from '../../client/types.ts';
import { seqOf } from '../state/cursors.ts';
import { Failure } from '../state/service.ts';

export interface Log {
  /** The place before the oldest event that there still is: 0 where nothing was trimmed. @throws Failure */
  begin(): Promise<number>;
  /**
   * @returns the events with a number above `after`, up to `upTo`; one that the server cannot tell is missing, and so are
   *   those that have been trimmed
   * @throws Failure
   */
  events(after: number, upTo: number): Promise<BoardEvent[]>;
  /** The board as it was when this event was the newest. @throws Failure */
  boardAt(seq: number): Promise<Snapshot>;
}

interface Page {
  events: BoardEvent[];
  cursor: string;
  reset?: { reason: string };
}

/** As many as a page has at most. */
const PAGE = 500;

/** Of a board that is open. */
interface Source {
  readonly id: string;
  cursorOf(seq: number): Promise<string>;
  read<Answer>(path: string): Promise<Answer>;
}

export function createLog({ id, read, cursorOf }: Source): Log {
  async function begin(): Promise<number> {
    const { events, cursor } = await read<Page>(`/boards/${id}/events?limit=1`);
    return events[0] ? events[0].seq - 1 : seqOf(cursor);
  }

  return {
    begin,
    async events(after, upTo) {
      const found: BoardEvent[] = [];
      let place = after;
      while (place < upTo) {
        const query = `after=${await cursorOf(place)}&limit=${Math.min(PAGE, upTo - place)}`;
        const { events, reset } = await read<Page>(`/boards/${id}/events?${query}`);
        found.push(...events);
        const last = events.at(-1)?.seq;
        if (last !== undefined) place = last;
        // Of the next one nothing can be told but that it was.
        else if (reset?.reason === 'gap') place += 1;
        else if (reset?.reason === 'trimmed') place = Math.max(place + 1, await begin());
        else if (reset) throw new Failure('The history of this board is another one now. Load the page again.', 0);
        else break;
      }
      return found;
    },
    boardAt: async (seq) => read<Snapshot>(`/boards/${id}?at=${await cursorOf(seq)}`),
  };
}
