// How many streams this node takes: in all, of one board, of one user, and of new users from one address.

export interface StreamLimitsOptions {
  perUser: number;
  perBoard: number;
  perNode: number;
}

/** Which limit stands against one more. */
export type StreamRefusal = 'user' | 'board' | 'node' | 'address';

/** Of all streams of a node, what those of one address may have together whose accounts anybody can make in a moment. */
const NEWCOMERS_SHARE = 0.1;

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
  readonly #addresses = new Map<string, number>();
  #streams = 0;

  constructor(options: StreamLimitsOptions) {
    this.#options = options;
  }

  /**
   * Three hundred accounts, made in five minutes, would have all streams of a node by the limit of each of them. An
   * office of people who are known, behind one address, is not concerned.
   *
   * @param newcomersOf the address of a user whose account anybody could have made just now
   * @returns what gives the place back (once; more calls do nothing), or why there is none
   */
  take(userId: string, boardId: string, newcomersOf?: string): (() => void) | StreamRefusal {
    const { perUser, perBoard, perNode } = this.#options;
    const perAddress = Math.max(perUser, perNode * NEWCOMERS_SHARE);
    if (this.#streams >= perNode) return 'node';
    if ((this.#boards.get(boardId) ?? 0) >= perBoard) return 'board';
    if ((this.#users.get(userId) ?? 0) >= perUser) return 'user';
    if (newcomersOf !== undefined && (this.#addresses.get(newcomersOf) ?? 0) >= perAddress) return 'address';
    this.#change(userId, boardId, newcomersOf, 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#change(userId, boardId, newcomersOf, -1);
      isTaken = false;
    };
  }

  #change(userId: string, boardId: string, newcomersOf: string | undefined, by: 1 | -1): void {
    this.#streams += by;
    addTo(this.#users, userId, by);
    addTo(this.#boards, boardId, by);
    if (newcomersOf !== undefined) addTo(this.#addresses, newcomersOf, by);
  }
}

function addTo(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
