// The board as of any event that its log still has: a snapshot of before a stretch of events, and those laid upon it. That is
// exact, since each event has the whole of what it has changed; and a hand that goes along the log asks once for each stretch.

import type { Board, BoardEvent, Item } from '../../client/types.ts';
import type { Log } from './log.ts';

export interface BoardThen {
  /** The newest event that it holds. */
  readonly seq: number;
  /** That event; undefined where the log begins behind it, or where it cannot be told. */
  readonly event: BoardEvent | undefined;
  readonly board: Board;
  readonly items: ReadonlyMap<string, Item>;
}

interface Stretch {
  /** The place of the snapshot. */
  from: number;
  board: Board;
  items: readonly Item[];
  /** What follows it, without a hole. */
  events: BoardEvent[];
}

const STRETCH = 100;
/** Of large boards each is megabytes. */
const MOST_KEPT = 4;

export class PastBoard {
  readonly #log: Log;
  /** By the number of the stretch; the one that was used last is the last. */
  readonly #kept = new Map<number, Stretch>();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * @param seq not before the first place
   * @param first the first place of the log that has a board: before the event that made it there was none
   * @param head the newest event that is known of
   * @throws Failure also where the log does not reach it any more
   */
  async at(seq: number, { first, head }: { first: number; head: number }): Promise<BoardThen> {
    const number = Math.floor(seq / STRETCH);
    let stretch = this.#kept.get(number);
    if (!stretch || endOf(stretch) < seq) {
      const from = Math.max(number * STRETCH, first);
      stretch = await this.#read(from, Math.min((number + 1) * STRETCH - 1, head));
    }
    this.#keep(number, stretch);
    // Behind an event that cannot be told only the server knows what was.
    return endOf(stretch) < seq ? this.#read(seq, seq).then((place) => lay(place, seq)) : lay(stretch, seq);
  }

  async #read(from: number, upTo: number): Promise<Stretch> {
    const [{ board, items }, events] = await Promise.all([this.#log.boardAt(from), this.#log.events(from, upTo)]);
    const hole = events.findIndex(({ seq }, index) => seq !== from + index + 1);
    return { from, board, items, events: hole < 0 ? events : events.slice(0, hole) };
  }

  #keep(number: number, stretch: Stretch): void {
    this.#kept.delete(number);
    this.#kept.set(number, stretch);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }
}

const endOf = ({ from, events }: Stretch): number => from + events.length;

function lay({ from, board: first, items: before, events }: Stretch, seq: number): BoardThen {
  const items = new Map(before.map((item) => [item.id, item]));
  let board = first;
  const past = events.slice(0, seq - from);
  for (const { resource, action, id, object } of past) {
    if (resource === 'board') board = object as Board;
    else if (resource !== 'item') continue;
    else if (action === 'deleted') items.delete(id);
    else items.set(id, object as Item);
  }
  return { seq, event: past.at(-1), board, items };
}
