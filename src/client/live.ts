// What the live part of the client offers, to pages and to what builds on it.

import type { Outside } from './outside.ts';
import type { Applied, BoardState, Broadcast, Changes, Item, Snapshot, Status } from './types.ts';

/** One board, kept alive. */
export interface LiveBoard {
  readonly id: string;
  /** What is shown now. */
  readonly state: BoardState;
  /** Of this board: one whose access has ended is `ended`, while the others go on. */
  readonly status: Status;
  /**
   * Called after changes of what is shown, who is there, or the status: once per animation frame at most.
   *
   * @returns what ends that
   */
  onChange(listener: (state: BoardState, changes: Changes) => void): () => void;
  /** @returns what ends that */
  onBroadcast(listener: (broadcast: Broadcast) => void): () => void;

  /** Items as the log has them. */
  readonly confirmed: ReadonlyMap<string, Item>;
  /**
   * Each event or snapshot that was applied, before the view is published.
   *
   * @returns what ends that
   */
  onApplied(listener: (applied: Applied) => void): () => void;
  /** What is shown instead of `confirmed`: unconfirmed writes on top. Call `refresh()` when it would give something else. */
  setOverlay(overlay: ((confirmed: ReadonlyMap<string, Item>) => ReadonlyMap<string, Item>) | undefined): void;
  /** Publishes anew what is shown. */
  refresh(): void;
}

/** The boards of a page, on one stream for all tabs of the browser. */
export interface Live {
  /** @returns the board, which is followed from now on */
  board(id: string): LiveBoard;
  /** Follows it no longer. What was read of it is forgotten. */
  leave(id: string): void;
  /**
   * `fetch` with the client's address, credentials and headers. Changes of a request with an `Idempotency-Key`, written so,
   * come back as `own`.
   */
  request(path: string, init?: RequestInit & { headers?: Record<string, string> }): Promise<Response>;
  /** Where the node is. */
  readonly url: string;
  readonly status: Status;
  /** @returns what ends that */
  onStatus(listener: (status: Status) => void): () => void;
  /** Tries at once, or when the server has said: after signing in, above all. */
  retry(): void;
  /** Ends it, for good. */
  close(): void;
  /** Everything outside: clock, locks, random. */
  readonly outside: Outside;
}

export interface ConnectOptions {
  /** Where the node is; default: where this file was loaded from. */
  url?: string;
  /** Ids of the boards to begin with. */
  boards?: string[];
  /** For all requests. A stream takes none: what they say about who is calling, a `ticket` has to say to it. */
  headers?: Record<string, string>;
  /** Of fetch; default: `same-origin`. */
  credentials?: 'omit' | 'same-origin' | 'include';
  /** Asked for a ticket of these boards, and again when the last one is refused. */
  ticket?: (boards: string[]) => Promise<string>;
  /**
   * Who is signed in: tabs share a stream only when it is the same. Default: what `GET /session` says; where a `ticket`
   * is all that there is, each tab has a stream of its own.
   */
  user?: string;
  /** What the page has already: shown as `cached`, and gone on from. */
  snapshots?: Snapshot[];
}
