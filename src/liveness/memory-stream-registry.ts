// The stream registry of a node that is alone: everything in this process, nothing to expire.

import { randomUUID } from 'node:crypto';
import type { Logger } from '../logging/logger.ts';
import { ChangeListeners } from './change-listeners.ts';
import {
  entryOf,
  type HeldStream,
  type RegisteredStream,
  type RegistryChange,
  type StreamRegistry,
} from './stream-registry.ts';

export class MemoryStreamRegistry implements StreamRegistry {
  readonly state = 'up';
  readonly otherDatabases = 0;
  readonly reaped = 0;
  readonly node: string = randomUUID();
  /** By their entries. */
  readonly #streams = new Map<string, RegisteredStream>();
  /** Board, then user, then what the user has open there. */
  readonly #boards = new Map<string, Map<string, Set<RegisteredStream>>>();
  readonly #listeners: ChangeListeners;
  #stopped = false;

  constructor({ log }: { log: Logger }) {
    this.#listeners = new ChangeListeners({ log });
  }

  get size(): number {
    return this.#streams.size;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stream of [...this.#streams.values()]) this.remove(stream);
  }

  add(stream: RegisteredStream): void {
    const { boardId, userId } = stream;
    const entry = entryOf(stream);
    if (this.#stopped || this.#streams.has(entry)) return;
    this.#streams.set(entry, stream);
    const users = this.#boards.get(boardId) ?? new Map<string, Set<RegisteredStream>>();
    this.#boards.set(boardId, users);
    const open = users.get(userId);
    if (open) {
      open.add(stream);
    } else {
      users.set(userId, new Set([stream]));
      this.#announce({ action: 'join', boardId, userId });
    }
  }

  remove(removed: Pick<RegisteredStream, 'streamId' | 'boardId'>, backWithinMs?: number): void {
    const entry = entryOf(removed);
    const stream = this.#streams.get(entry);
    if (!stream) return;
    const { boardId, userId } = stream;
    this.#streams.delete(entry);
    const users = this.#boards.get(boardId);
    const open = users?.get(userId);
    open?.delete(stream);
    if (!users || !open || open.size > 0) return;
    users.delete(userId);
    if (users.size === 0) this.#boards.delete(boardId);
    this.#announce({ action: 'leave', boardId, userId, ...(backWithinMs !== undefined && { backWithinMs }) });
  }

  async list(boardId: string): Promise<HeldStream[]> {
    const users = this.#boards.get(boardId)?.values() ?? [];
    return [...users].flatMap((open) => [...open].map((stream) => ({ ...stream, node: this.node })));
  }

  onChange(listener: (change: RegistryChange) => void): () => void {
    return this.#listeners.add(listener);
  }

  // Later, as with Redis: a listener must not find itself inside the caller's add().
  #announce(change: RegistryChange): void {
    queueMicrotask(() => this.#listeners.emit(change));
  }
}
