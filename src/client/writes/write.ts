// One write of the page: what it does, and how far it has come.

import type { Item } from '../types.ts';
import type { NewOperation, Problem } from './offered.ts';

/** As `POST /boards/:id/batch` takes it, and what of it stays here. */
export interface Operation extends NewOperation {
  readonly id: string;
  /**
   * Of what takes something back: these fields must still be as they were made then. Where they are, a newer version
   * of the item is no conflict. It is not sent.
   */
  readonly expect?: NonNullable<NewOperation['item']>;
  /**
   * Keys of the writes that this takes back, undefined for those that were done by then: where none of them is done, it
   * has no sense. It is not sent.
   */
  readonly needs?: ReadonlyArray<string | undefined>;
}

/**
 * - `waiting`: not sent yet
 * - `sent`: sent at least once, and nobody knows whether it was done: never changed any more
 * - `done`: the server has said so, and the log has not shown it yet
 * - `conflict`, `refused`: the server has not done it; `problem` says why. Kept until it is decided
 * - `unknown`: it may have been done, and the server does not say any more: too much time has passed, or the user has
 *   lost the board before the answer. Kept until it is decided
 */
export type WriteStatus = 'waiting' | 'sent' | 'done' | 'conflict' | 'refused' | 'unknown';

export interface Write {
  /** Its `Idempotency-Key`, and so the `mutationId` of its events. */
  readonly key: string;
  readonly boardId: string;
  /** When it was made, in milliseconds since 1970: later than all before it in this tab. */
  readonly at: number;
  readonly status: WriteStatus;
  /** When it was sent first: from then on the server knows its key, for a day. */
  readonly sentAt?: number;
  /** Each item once at most. */
  readonly operations: readonly Operation[];
  /** The items for which the log has shown it. */
  readonly seen?: readonly string[];
  /** Of what the server has made, when it is done. */
  readonly versions?: Readonly<Record<string, number>>;
  /** It was sent before, and the answer was lost. */
  readonly isRepeat?: boolean;
  /** A snapshot came between sending and now: it may have shown this already. */
  readonly isCrossed?: boolean;
  readonly problem?: Problem;
}

/** What the server says of one operation that it has done. */
export interface Result {
  readonly id: string;
  /** Null when it was deleted. */
  readonly item: Pick<Item, 'version' | 'updatedBy'> | null;
}

/** The writes of a tab that are not over, oldest first. */
export type WriteLog = readonly Write[];

export function isUnsent({ status }: Write): boolean {
  return status === 'waiting' || status === 'sent';
}

export function isUndecided(write: Write): boolean {
  return !isUnsent(write) && write.status !== 'done';
}
