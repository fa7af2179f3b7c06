// What the writing part of the client offers to pages.

import type { Item } from '../types.ts';

/** What may be written of an item. In an update, `data` is a merge patch. */
export type Fields = Partial<Pick<Item, 'text' | 'x' | 'y' | 'color' | 'rank' | 'data'>>;

/** One of a batch: a new item gets an id here when it has none. */
export interface NewOperation {
  readonly op: 'create' | 'update' | 'delete';
  readonly id?: string;
  /** A whole item for `create`, for `update` a merge patch. */
  readonly item?: Fields;
  /** The version that the item must have. */
  readonly ifMatch?: number;
}

export interface WriteOptions {
  /** The version that the item must have. Another one is a conflict. */
  ifMatch?: number;
  /** What belongs together (all changes of one drag) is taken back together. */
  gesture?: string;
}

/** What the server says when it refuses (RFC 9457). */
export interface Problem {
  /** 0: the server was not asked. */
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: ReadonlyArray<{ path: string; message: string }>;
  /** Of a conflict: the item now, the item as the writer knew it, and what others have changed of the same. */
  readonly current?: Item;
  readonly base?: Item | null;
  readonly conflicts?: ReadonlyArray<{ field: string; actor: { id: string; name: string } | null; at: string }>;
}

export interface Outcome {
  /** `done`, or why it was not: then it is in the state, with the same key, until it is decided. */
  readonly status: 'done' | 'refused' | 'conflict' | 'unknown';
  readonly problem?: Problem;
}

/** A write of the page. */
export interface Made {
  /** Its `Idempotency-Key`, and so the `mutationId` of its events. Of two that became one, it is the same. */
  readonly key: string;
  /** The items that it writes. */
  readonly ids: readonly string[];
  /** Never rejected. */
  readonly settled: Promise<Outcome>;
}

/** What was left as it is: somebody else has changed these fields since (`x`, `data.done`), or deleted the item. */
export interface Skipped {
  readonly id: string;
  readonly fields: readonly string[];
  readonly isGone: boolean;
}

export interface Undone {
  /** Undefined when nothing was left to take back. Of several writes: the key of the first one, and all of their items. */
  readonly made: Made | undefined;
  readonly skipped: readonly Skipped[];
}

export interface Conflict {
  readonly id: string;
  /** The item that the writer knew; null when the log has lost it. */
  readonly base: Item | null;
  /** The fields that were to be written; undefined when it was to be deleted. */
  readonly mine: Fields | undefined;
  /** The item now. */
  readonly theirs: Item;
  /** The fields that both have changed. */
  readonly conflicts: NonNullable<Problem['conflicts']>;
}

/**
 * What was not done, or perhaps not:
 * - `conflict`: the item has another version
 * - `refused`: see `problem`
 * - `unknown`: the server does not say any more whether it was done: it is a day old, or the user has lost the board before
 *   the answer
 */
export interface Undecided {
  readonly key: string;
  readonly boardId: string;
  readonly status: 'conflict' | 'refused' | 'unknown';
  /** What was to be written. */
  readonly operations: readonly NewOperation[];
  readonly problem: Problem;
  readonly conflict?: Conflict;
}

/** `mine`: write it again, over what is there now; `theirs`: drop it; or write these fields instead. */
export type Choice = 'mine' | 'theirs' | Fields;

/** For the user to sign in (again), or for a server that cannot be reached or says that it is too much. */
export type Waiting = 'sign-in' | 'server';

/**
 * - `yes`: a reload loses nothing
 * - `saving`: this is about to be so
 * - `no`: the browser keeps nothing for this page, has no room, or no locks
 */
export type Keeping = 'yes' | 'saving' | 'no';

export interface WritesState {
  /** So many writes the server has not confirmed. */
  readonly unsent: number;
  /** What they wait for, other than their turn. */
  readonly waiting: Waiting | undefined;
  /** Whether a reload would lose what is not over. */
  readonly kept: Keeping;
  /** What waits for {@link Writes.decide}, oldest first. */
  readonly undecided: readonly Undecided[];
}

/** What a page writes on one board. All of it is shown at once in the `state` of the live board. */
export interface BoardWrites {
  create(item: Fields & { text: string; id?: string }, options?: Pick<WriteOptions, 'gesture'>): Made;
  /** @param patch only the fields that it names are changed; `data` is a merge patch */
  update(id: string, patch: Fields, options?: WriteOptions): Made;
  delete(id: string, options?: WriteOptions): Made;
  /** All of them or none: up to 500, each of another item. */
  write(operations: readonly NewOperation[], gesture?: string): Made;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /**
   * Takes back the newest write, or gesture, of this page: by a new one, or by several where 500 operations or 1 MiB are not
   * enough, each of which is done or not.
   *
   * @returns undefined when there is none
   */
  undo(): Undone | undefined;
  /** Does again what was taken back last. @returns undefined when there is nothing */
  redo(): Undone | undefined;
}

/** The writes of a page, of all its boards. */
export interface Writes {
  /** @returns those of one board, which is followed from now on */
  board(id: string): BoardWrites;
  readonly state: WritesState;
  /**
   * Called after each change of the state, and of what can be undone.
   *
   * @returns what ends that
   */
  onState(listener: (state: WritesState) => void): () => void;
  /**
   * Says what becomes of a write that was not done.
   *
   * @param key of one of `state.undecided`
   * @returns the new write; undefined when there is none. Fields for a refused batch decide nothing: it stays
   */
  decide(key: string, choice: Choice): Made | undefined;
  /** After signing in, or when the server is known to be there again: tries at once. */
  retry(): void;
  /** Shows and sends no more. What is unsent is sent by the user's next tab. */
  close(): Promise<void>;
}

/** A write that is not over, in the storage. */
export interface Kept {
  key: string;
  /** Whose it is: nobody else's tab sends it. */
  user: string;
  /** The server that it is for, as the page spells its address: it is sent to no other one. */
  url: string;
  /** The tab that sends it, for as long as that holds its lock. */
  tab: string;
  write: object;
}

/** Where unsent writes are kept, shared by all tabs. Each call is done as a whole or not at all; else it is rejected. */
export interface Storage {
  all(): Promise<Kept[]>;
  change(put: Kept[], remove: string[]): Promise<void>;
}

export interface WritesOptions {
  /** The id of who is signed in. What somebody else has left in this browser is neither shown nor sent. */
  user: string;
  /** Default: IndexedDB. */
  storage?: Storage;
}
