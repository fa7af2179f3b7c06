// Follows the joins and leaves that all nodes record in Redis, on a connection of its own.

import { Task } from '../background/task.ts';
import { isCommandTimeout, type RedisClient } from '../redis/redis-client.ts';
import type { Outage } from './outage.ts';
import type { RegistryChange } from './stream-registry.ts';

const BATCH = 1000;
const BEGINNING = '0-0';

export interface ChangeTailOptions {
  /** Connected and ended by the owner; its command timeout is longer than `blockMs`. */
  client: RedisClient;
  /** Of the changes. */
  key: string;
  /** How long one read waits for something new. */
  blockMs: number;
  retryMs: number;
  /** How long after a loss the listeners are told to list again: by then all nodes have registered their streams. */
  settleMs: number;
  emit: (change: RegistryChange) => void;
  outage: Outage;
}

export class ChangeTail {
  readonly #options: ChangeTailOptions;
  readonly #task: Task;
  #position: string | undefined;
  #hasAttempted = false;
  #hasFailed = false;
  #resyncDueAt = Number.POSITIVE_INFINITY;

  constructor(options: ChangeTailOptions) {
    const { outage, retryMs } = options;
    this.#options = options;
    this.#task = new Task({
      run: () => this.#read(),
      failures: outage.of('changes'),
      backoff: { firstMs: retryMs, lastMs: retryMs },
    });
  }

  /** Resolves when it knows where to begin, so that nothing which happens from now on is missed, or could not be told. */
  async start(): Promise<void> {
    await this.#task.start();
  }

  async stop(): Promise<void> {
    const stopped = this.#task.stop();
    this.#options.client.disconnect();
    await stopped;
  }

  /** Reads at once, for when Redis has come back. */
  readNow(): void {
    this.#task.hurry();
  }

  async #read(): Promise<number> {
    const { client } = this.#options;
    try {
      // In a Redis Cluster the first command for a node opens its connection, which refuses all others until it is there. Of
      // two only the one that blocks would be taken, and stand before the next two until these have waited too long.
      if (this.#hasFailed && this.#position !== undefined) await this.#newest();
      if (this.#position === undefined) this.#position = await this.#locate();
      else this.#position = await this.#readAfter(this.#position);
      this.#hasFailed = false;
      return 0;
    } catch (error) {
      this.#hasFailed = true;
      // Reads that were given up on are still queued in a hung Redis, and would block this connection one by one.
      if (isCommandTimeout(error) && client.status === 'ready' && !this.#task.isStopping) client.disconnect(true);
      throw error;
    }
  }

  /** @returns the end of the stream */
  async #locate(): Promise<string> {
    const isFirstAttempt = !this.#hasAttempted;
    this.#hasAttempted = true;
    const newest = await this.#newest();
    if (!isFirstAttempt) this.#resyncLater();
    return newest ?? BEGINNING;
  }

  async #newest(): Promise<string | undefined> {
    const { client, key } = this.#options;
    const [newest] = await client.xrevrange(key, '+', '-', 'COUNT', 1);
    return newest?.[0];
  }

  /** @returns the position after what was read, or undefined if the old one is gone and there is no new one */
  async #readAfter(position: string): Promise<string | undefined> {
    const { client, key, blockMs, emit } = this.#options;
    const waitMs = Math.ceil(Math.max(1, Math.min(blockMs, this.#resyncDueAt - performance.now())));
    // The entry that was read last is looked up after the read: while it is there, nothing behind it was trimmed,
    // and the stream is the same as before, not another that began after Redis lost everything.
    const [reply, last] = await Promise.all([
      client.xread('COUNT', BATCH, 'BLOCK', waitMs, 'STREAMS', key, position),
      client.xrange(key, position, position),
    ]);
    const entries = reply?.[0]?.[1] ?? [];
    for (const [, fields] of entries) emit(toChange(fields));
    if (performance.now() >= this.#resyncDueAt) this.#resync();
    const isLost = position !== BEGINNING && last.length === 0;
    if (isLost) this.#resyncLater();
    return entries.at(-1)?.[0] ?? (isLost ? undefined : position);
  }

  #resyncLater(): void {
    this.#resyncDueAt = performance.now() + this.#options.settleMs;
  }

  #resync(): void {
    this.#resyncDueAt = Number.POSITIVE_INFINITY;
    this.#options.emit({ action: 'resync' });
  }
}

function toChange([, action = '', , boardId = '', , userId = '', , backWithinMs]: string[]): RegistryChange {
  if (action === 'join') return { action, boardId, userId };
  return { action: 'leave', boardId, userId, ...(backWithinMs && { backWithinMs: Number(backWithinMs) }) };
}
