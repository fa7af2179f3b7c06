// Who has which board open: keeps the boards that are open on this node, and answers for all others.

import pLimit from 'p-limit';
import type { PublicUser } from '../accounts/user.ts';
import { LoggedFailures } from '../background/failures.ts';
import { RegistryUnavailable, type StreamRegistry } from '../liveness/stream-registry.ts';
import type { Logger } from '../logging/logger.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import type { Follower } from '../streams/follower.ts';
import type { OpenStreamsListener } from '../streams/open-streams.ts';
import { backWithinMs, type EndReason } from '../streams/wire/close-reason.ts';
import { BoardTeller } from './board-teller.ts';
import { nameable, withTotal } from './presence-frames.ts';

/** After an outage all boards are read anew. Beside that Redis must answer the lease. */
const READS_AT_ONCE = 8;

export interface PresenceOptions {
  registry: StreamRegistry;
  /** How long a user is waited for whose last stream has ended. */
  handoverMs: number;
  /** See {@link BoardTeller}. */
  retryMs: number;
  /** @throws when the database is away */
  nameUsers: (userIds: string[]) => Promise<PublicUser[]>;
  log: Logger;
}

export interface PresentOnBoard {
  user: PublicUser;
  /** How many streams the user has open there. */
  streams: number;
  /** When the oldest of them was opened. */
  since: string;
}

export class Presence implements OpenStreamsListener {
  readonly #options: PresenceOptions;
  readonly #boards = new Map<string, BoardTeller>();
  readonly #reads = pLimit(READS_AT_ONCE);
  readonly #failures: LoggedFailures;
  #endListening: (() => void) | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#failures = new LoggedFailures({
      log: options.log,
      owner: 'presence',
      failing: 'who is on a board cannot be told; what its streams were told stays',
      healed: 'who is on a board can be told again',
      isOutage,
    });
  }

  start(): void {
    this.#endListening ??= this.#options.registry.onChange((change) => {
      if (change.action !== 'resync') this.#boards.get(change.boardId)?.heard(change);
      else for (const board of this.#boards.values()) board.resync();
    });
  }

  async stop(): Promise<void> {
    this.#endListening?.();
    const boards = [...this.#boards.values()];
    this.#boards.clear();
    await Promise.all(boards.map((board) => board.stop()));
  }

  followed(follower: Follower): void {
    const { boardId } = follower;
    let board = this.#boards.get(boardId);
    if (!board) {
      board = new BoardTeller({
        boardId,
        handoverMs: this.#options.handoverMs,
        retryMs: this.#options.retryMs,
        nameUsers: this.#options.nameUsers,
        read: () => this.#readUsers(boardId),
        failures: this.#failures.of(Symbol(boardId)),
      });
      this.#boards.set(boardId, board);
    }
    board.opened(follower);
  }

  left(follower: Follower, reason: EndReason): void {
    const board = this.#boards.get(follower.boardId);
    board?.ended(follower, backWithinMs(reason));
    if (!board?.isEmpty) return;
    this.#boards.delete(follower.boardId);
    void board.stop();
  }

  /**
   * @returns those whom a `sync` would name, less those who are waited for
   * @throws RegistryUnavailable when nobody knows what other nodes hold; the error of the database when it is away
   */
  async list(boardId: string): Promise<{ users: PresentOnBoard[]; total?: number }> {
    const held = await this.#options.registry.list(boardId);
    const streams = new Map(held.map(({ streamId, userId }) => [streamId, userId]));
    // Those that opened a moment ago are on their way to the registry.
    for (const { streamId, userId } of this.#boards.get(boardId)?.followers ?? []) streams.set(streamId, userId);
    const streamsOf = new Map<string, string[]>();
    for (const [streamId, userId] of streams) {
      const own = streamsOf.get(userId);
      if (own) own.push(streamId);
      else streamsOf.set(userId, [streamId]);
    }
    const users = await this.#options.nameUsers(nameable(streamsOf.keys()));
    return withTotal(
      users.map((user) => describe(user, streamsOf.get(user.id) ?? [])),
      streamsOf.size,
    );
  }

  async #readUsers(boardId: string): Promise<ReadonlySet<string>> {
    const held = await this.#reads(() => this.#options.registry.list(boardId));
    return new Set(held.map(({ userId }) => userId));
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof RegistryUnavailable || isUnavailable(error);
}

function describe(user: PublicUser, streamIds: string[]): PresentOnBoard {
  // A UUIDv7 begins with the milliseconds at which it was made, and sorts by them.
  const [oldest = ''] = streamIds.sort();
  const since = new Date(Number.parseInt(oldest.slice(0, 8) + oldest.slice(9, 13), 16)).toISOString();
  return { user, streams: streamIds.length, since };
}
