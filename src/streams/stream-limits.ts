// How many streams this node takes: in all, of one board, and of one user.

export interface StreamLimitsOptions {
  perUser: number;
  perBoard: number;
  perNode: number;
}

/** Which limit stands against one more. */
export type StreamRefusal = 'user' | 'board' | 'node';

/**
 * Counted in memory, when a stream is asked for and not when it is open: of a hundred requests at once, no more than
 * fit get through. What dies with the process needs no counting back.
 *
 * Each node counts for itself, also the streams of a user: what a limit protects is the node's. Counted over all nodes,
 * those of a node that has died would count until its lease ends, and its users, who come back before that, would be
 * refused; a 429 ends an EventSource for good.
 */
export class StreamLimits {
  readonly #options: StreamLimitsOptions;
  readonly #users = new Map<string, number>();
  readonly #boards = new Map<string, number>();
  #streams = 0;

  constructor(options: StreamLimitsOptions) {
    this.#options = options;
  }

  /** @returns what gives the place back (once; more calls do nothing), or why there is none */
  take(userId: string, boardId: string): (() => void) | StreamRefusal {
    const { perUser, perBoard, perNode } = this.#options;
    if (this.#streams >= perNode) return 'node';
    if ((this.#boards.get(boardId) ?? 0) >= perBoard) return 'board';
    if ((this.#users.get(userId) ?? 0) >= perUser) return 'user';
    this.#change(userId, boardId, 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#change(userId, boardId, -1);
      isTaken = false;
    };
  }

  #change(userId: string, boardId: string, by: 1 | -1): void {
    this.#streams += by;
    addTo(this.#users, userId, by);
    addTo(this.#boards, boardId, by);
  }
}

function addTo(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
