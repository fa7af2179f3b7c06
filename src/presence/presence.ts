// Who has which board open: keeps the boards that are open on this node, and answers for all others.

import pLimit from 'p-limit';
import { LoggedFailures } from '../background/failures.ts';
import { RegistryUnavailable, type StreamRegistry } from '../liveness/stream-registry.ts';
import type { Logger } from '../logger.ts';
import { isUnavailable } from '../postgres/database-problem.ts';
import { backWithinMs, type EndReason } from '../streams/close-reason.ts';
import type { PresentUser } from '../streams/frame.ts';
import type { OpenStreamsListener } from '../streams/open-streams.ts';
import type { Stream } from '../streams/stream.ts';
import { PresenceBoard } from './presence-board.ts';
import { nameable, withTotal } from './presence-frames.ts';

/** After an outage all boards are read anew. Beside that Redis must answer the lease. */
const READS_AT_ONCE = 8;

export interface PresenceOptions {
  registry: StreamRegistry;
  /** How long a user is waited for whose last stream has ended. */
  handoverMs: number;
  /** @throws when the database is away */
  nameUsers: (userIds: string[]) => Promise<PresentUser[]>;
  log: Logger;
}

export interface PresentOnBoard {
  user: PresentUser;
  /** How many streams the user has open there. */
  streams: number;
  /** When the oldest of them was opened. */
  since: string;
}

export class Presence implements OpenStreamsListener {
  readonly #options: PresenceOptions;
  readonly #boards = new Map<string, PresenceBoard>();
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

  opened(stream: Stream): void {
    const { boardId } = stream;
    let board = this.#boards.get(boardId);
    if (!board) {
      board = new PresenceBoard({
        handoverMs: this.#options.handoverMs,
        nameUsers: this.#options.nameUsers,
        read: () => this.#readUsers(boardId),
        failures: this.#failures.of(Symbol(boardId)),
      });
      this.#boards.set(boardId, board);
    }
    board.opened(stream);
  }

  ended(stream: Stream, reason: EndReason): void {
    const board = this.#boards.get(stream.boardId);
    board?.ended(stream, backWithinMs(reason));
    if (!board?.isEmpty) return;
    this.#boards.delete(stream.boardId);
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
    for (const { id, userId } of this.#boards.get(boardId)?.streams ?? []) streams.set(id, userId);
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

function describe(user: PresentUser, streamIds: string[]): PresentOnBoard {
  // A UUIDv7 begins with the milliseconds at which it was made, and sorts by them.
  const [oldest = ''] = streamIds.sort();
  const since = new Date(Number.parseInt(oldest.slice(0, 8) + oldest.slice(9, 13), 16)).toISOString();
  return { user, streams: streamIds.length, since };
}
