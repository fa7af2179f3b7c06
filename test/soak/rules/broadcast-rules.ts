// What one connection may be told of broadcasts, and what it has missed.

import type { Figures } from '../figures.ts';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What a broadcast of the soak carries. */
export interface Pointer {
  boardId: string;
  by: string;
  node: number;
  /**
   * Rises when nobody knows what became of a broadcast: one that a paused node still holds may be sent after those that
   * came later, so that an order holds within a run only.
   */
  run: number;
  number: number;
}

interface Told {
  boardId: string;
  name: string;
  data: Pointer;
  from: { user: { id: string; name: string } };
  at: string;
}

export class BroadcastRules {
  readonly #boardId: string;
  readonly #figures: Figures;
  /** The last number of each sender, node and run. */
  readonly #last = new Map<string, number>();

  constructor(boardId: string, figures: Figures) {
    this.#boardId = boardId;
    this.#figures = figures;
  }

  /** @returns the promise that the frame breaks */
  heard(json: string): string | undefined {
    const told = JSON.parse(json) as Told;
    if (!isWellFormed(told) || told.boardId !== this.#boardId) return 'a broadcast is what its sender sent';
    const { by, node, run, number } = told.data;
    const place = `${by} ${node} ${run}`;
    const last = this.#last.get(place);
    if (last !== undefined && number <= last) return 'broadcasts of one sender come once and in order';
    this.#last.set(place, number);
    this.#figures.broadcastsTold += 1;
    // What came before the first one may have been sent before this connection was there.
    if (last !== undefined) this.#figures.broadcastsMissed += number - last - 1;
    return undefined;
  }
}

function isWellFormed({ boardId, name, data, from, at, ...rest }: Told): boolean {
  return (
    boardId === data?.boardId &&
    name === 'pointer' &&
    from?.user?.id === data?.by &&
    typeof from.user.name === 'string' &&
    Number.isInteger(data.number) &&
    TIME.test(at) &&
    Object.keys(rest).length === 0
  );
}
