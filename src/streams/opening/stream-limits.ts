// How many streams this node takes, and boards on them: in all, of one board, of one user, and of new users from one address.

import { MOST_BOARDS } from '../../http/board-list.ts';

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
 * Boards on streams, for each stream that there may be: one on a stream takes a tenth of what the stream itself takes.
 * Mostly a stream has one, and few of a user's have many.
 */
const BOARDS_PER_STREAM = { ofNode: 4, ofUser: 32 };

export interface StreamAsked {
  userId: string;
  /** The address of a user whose account anybody could have made just now. */
  newcomersOf?: string | undefined;
  /** How many boards it is to have. */
  boards: number;
}

/** A place among the streams, with one for each board. */
export interface StreamPlace {
  /** Gives back that of the stream; more calls do nothing. */
  release(): void;
  /** Gives back that of one of its boards; to be called once for each. */
  releaseBoard(): void;
}

interface Counts {
  streams: number;
  boards: number;
}

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
  readonly #refusals: Record<StreamRefusal, number>;
  readonly #users = new Map<string, Counts>();
  readonly #addresses = new Map<string, Counts>();
  readonly #node: Counts = { streams: 0, boards: 0 };
  readonly #boards = new Map<string, number>();

  /** @param refusals counts what is kept out */
  constructor(options: StreamLimitsOptions, refusals: Record<StreamRefusal, number>) {
    this.#options = options;
    this.#refusals = refusals;
  }

  /** For those who keep count: a request was refused for this. */
  refused(refusal: StreamRefusal): void {
    this.#refusals[refusal] += 1;
  }

  get perUser(): Counts {
    return this.#mostOf('user');
  }

  /**
   * Three hundred accounts, made in five minutes, would have all streams of a node by the limit of each of them. An
   * office of people who are known, behind one address, is not concerned.
   *
   * @returns the place, or why there is none
   */
  take({ userId, newcomersOf, boards }: StreamAsked): StreamPlace | Exclude<StreamRefusal, 'board'> {
    const fits = (counts: Counts | undefined, most: Counts) =>
      (counts?.streams ?? 0) < most.streams && (counts?.boards ?? 0) + boards <= most.boards;
    if (!fits(this.#node, this.#mostOf('node'))) return 'node';
    if (!fits(this.#users.get(userId), this.#mostOf('user'))) return 'user';
    if (newcomersOf !== undefined && !fits(this.#addresses.get(newcomersOf), this.#mostOf('address'))) return 'address';
    const add = (more: Counts) => {
      this.#node.streams += more.streams;
      this.#node.boards += more.boards;
      addCounts(this.#users, userId, more);
      if (newcomersOf !== undefined) addCounts(this.#addresses, newcomersOf, more);
    };
    add({ streams: 1, boards });
    return {
      release: once(() => add({ streams: -1, boards: 0 })),
      releaseBoard: () => add({ streams: 0, boards: -1 }),
    };
  }

  /** One stream of as many boards as it may have is always let in. */
  #mostOf(whom: Exclude<StreamRefusal, 'board'>): Counts {
    const { perUser, perNode } = this.#options;
    const ofNode = Math.max(MOST_BOARDS, perNode * BOARDS_PER_STREAM.ofNode);
    if (whom === 'node') return { streams: perNode, boards: ofNode };
    const ofUser = Math.min(ofNode, Math.max(MOST_BOARDS, perUser * BOARDS_PER_STREAM.ofUser));
    if (whom === 'user') return { streams: perUser, boards: ofUser };
    return {
      streams: Math.max(perUser, perNode * NEWCOMERS_SHARE),
      boards: Math.max(ofUser, ofNode * NEWCOMERS_SHARE),
    };
  }

  /**
   * A stream has one such place on each of its boards.
   *
   * @returns what gives the place back (once; more calls do nothing); undefined when there is none
   */
  takeOn(boardId: string): (() => void) | undefined {
    if ((this.#boards.get(boardId) ?? 0) >= this.#options.perBoard) return undefined;
    addTo(this.#boards, boardId, 1);
    return once(() => addTo(this.#boards, boardId, -1));
  }
}

/** @returns what calls it the first time, and does nothing when it is called again */
export function once(call: () => void): () => void {
  let isDue = true;
  return () => {
    if (isDue) call();
    isDue = false;
  };
}

function addTo(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

function addCounts(of: Map<string, Counts>, key: string, more: Counts): void {
  const { streams, boards } = of.get(key) ?? { streams: 0, boards: 0 };
  const sum = { streams: streams + more.streams, boards: boards + more.boards };
  if (sum.streams > 0 || sum.boards > 0) of.set(key, sum);
  else of.delete(key);
}
