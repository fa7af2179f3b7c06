// What a stream registry is: which node holds which open stream, of which board and user.

/** What an open stream has of one of its boards. The ids are UUIDs; a stream's id is never used twice. */
export interface RegisteredStream {
  streamId: string;
  boardId: string;
  userId: string;
}

/** A stream of many boards has an entry for each of them. @returns what names it */
export function entryOf({ streamId, boardId }: Pick<RegisteredStream, 'streamId' | 'boardId'>): string {
  return `${streamId}:${boardId}`;
}

/** @property node the incarnation of the node that holds the stream; a node that lost its lease gets another */
export interface HeldStream extends RegisteredStream {
  node: string;
}

/**
 * `join`: the user's first stream on the board, on any node. `leave`: the last one is gone; `backWithinMs` is what is
 * known of a return, as in {@link StreamRegistry.remove}, and 0 for a stream of a node that died one lease ago.
 * `resync`: changes may have been missed, so whoever keeps a copy must call `list()` again. Only ever after an outage.
 */
export type RegistryChange =
  | { action: 'join'; boardId: string; userId: string }
  | { action: 'leave'; boardId: string; userId: string; backWithinMs?: number }
  | { action: 'resync' };

/** Redis is away, so nobody knows what other nodes hold. */
export class RegistryUnavailable extends Error {
  override readonly name = 'RegistryUnavailable';
}

export interface StreamRegistry {
  /** `down`: what other nodes hold is unknown, and what this one holds is unknown to them. Never a reason to refuse a stream. */
  readonly state: 'up' | 'down';
  /** The incarnation of this node, as `list()` names it; empty until it has its first lease. */
  readonly node: string;
  /** Databases, besides that of this node, whose nodes register here as well: 0, as it should be. */
  readonly otherDatabases: number;
  /** What this node has taken out of it of nodes that have died. */
  readonly reaped: number;
  /** Boards of open streams of this node, each of them once for each stream. */
  readonly size: number;
  /**
   * Resolves even if nothing could be reached: it is tried for ever in the background. The second call does nothing.
   *
   * @throws RedisRefusedError when it was reached and refuses
   */
  start(): Promise<void>;
  /** Takes this node's streams out, with their leaves, and ends everything. Never rejects; what was not handed over is reaped. */
  stop(): Promise<void>;
  /** Never waits and never fails. Allowed before `start()`, ignored after `stop()` and for one that is there. */
  add(stream: RegisteredStream): void;
  /**
   * Never waits and never fails; what is unknown is ignored.
   *
   * @param backWithinMs how soon its client was told to come back, 0 when it will be refused; for those who hear of it
   */
  remove(stream: Pick<RegisteredStream, 'streamId' | 'boardId'>, backWithinMs?: number): void;
  /**
   * @returns every open stream of the board, on all nodes, in no order. A dead node's are among them until it is reaped,
   *   and for one lease after Redis came back empty some of the living may be missing; `resync` follows.
   * @throws RegistryUnavailable within a second
   */
  list(boardId: string): Promise<HeldStream[]>;
  /** Calls the listener, later than the `add` or `remove`, for changes on all nodes. @returns what ends that */
  onChange(listener: (change: RegistryChange) => void): () => void;
}
