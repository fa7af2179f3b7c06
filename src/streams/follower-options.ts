// What a follower is given: the stream that it writes to, its board, and where it starts.

import type { Failures } from '../background/failures.ts';
import type { Hub } from './fan-out/hub.ts';
import type { HubBoard } from './fan-out/hub-board.ts';
import type { Membership } from './membership-end.ts';
import type { SocketTurns } from './socket-turns.ts';
import type { VectorIds } from './vector-ids.ts';
import type { CloseReason } from './wire/close-reason.ts';
import type { ResetReason } from './wire/frame.ts';
import type { SnapshotReader } from './wire/snapshot-frame.ts';
import type { SseConnection } from './wire/sse-connection.ts';

/** Where it starts. */
export interface Opening {
  /** The place in the log: the first event that it gets is the next one. */
  position: number;
  /** The cursor that is continued. */
  resumedFrom?: string;
  /** Why the client's cursor cannot be continued. */
  reset?: ResetReason;
  /** A snapshot is to be read and written first. */
  startsWithSnapshot?: boolean;
}

/** The stream that it writes to. */
export interface FollowedStream {
  readonly id: string;
  readonly userId: string;
  readonly connection: SseConnection;
  readonly turns: SocketTurns;
  /** Those of its frames; undefined: each has the cursor of its board, as all streams of one board have it. */
  readonly ids: VectorIds | undefined;
  /** Bytes that one board writes in one turn, so that others find room. */
  readonly quantum: number;
  /** Whether the client waits for the rest of a frame, of this board or of another. */
  readonly isInFrame: boolean;
  readAhead(read: () => Promise<void>): Promise<void>;
  readSnapshot(read: () => Promise<void>): Promise<void>;
  /** Ends what it has of a board; with the last one it ends itself. */
  leave(boardId: string, reason: CloseReason): void;
  close(reason: CloseReason): void;
  fail(error: unknown): void;
}

export interface FollowerOptions {
  hub: Hub;
  /** Held by the caller until the end of the follower, which gives it back. */
  board: HubBoard;
  /**
   * The place as of which the user was a member, with the number of the board then: a later removal is in the log after it,
   * and ends the stream.
   */
  admitted: Membership;
  /** @returns undefined when the user may not see the board now */
  readMembership: () => Promise<Membership | undefined>;
  /** Set when the client asked for `?snapshot=true`: in place of every `reset`. Undefined when access has ended. */
  readSnapshot?: (() => Promise<SnapshotReader | undefined>) | undefined;
  /** Hears how these two go when they are read for a reset. */
  resetFailures: Failures;
}
