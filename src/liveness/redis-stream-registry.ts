// The stream registry of several nodes, in Redis: puts the lease, the reaper and the tail together.

import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import { COMMAND_TIMEOUT_MS, createRedisClient } from '../redis/redis-client.ts';
import { ChangeListeners } from './change-listeners.ts';
import { ChangeTail } from './change-tail.ts';
import { Lease } from './lease.ts';
import { Outage } from './outage.ts';
import { buryStreams, Reaper } from './reaper.ts';
import { createRegistryClient, type RegistryClient } from './registry-client.ts';
import {
  type HeldStream,
  type RegisteredStream,
  type RegistryChange,
  RegistryUnavailable,
  type StreamRegistry,
} from './stream-registry.ts';

export interface RedisStreamRegistryOptions {
  /** As in `createRedisClient`. Two connections are opened. */
  url: string;
  log: Logger;
  /** Begins every key; must hold a hash tag. Nodes of one installation share it. Default `{tb}`. */
  prefix?: string;
  /** How long a node that is silent counts as alive; default 8000. All nodes must agree. */
  leaseMs?: number;
  /** How often the lease is renewed; default 2000, at most a quarter of the lease. */
  beatMs?: number;
  /** How often it looks for dead nodes; default 500. */
  reapMs?: number;
}

export class RedisStreamRegistry implements StreamRegistry {
  readonly #streams = new Map<string, RegisteredStream>();
  readonly #prefix: string;
  readonly #log: Logger;
  readonly #listeners: ChangeListeners;
  readonly #outage: Outage;
  readonly #client: RegistryClient;
  readonly #tailClient: Redis;
  readonly #lease: Lease;
  readonly #reaper: Reaper;
  readonly #tail: ChangeTail;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws RangeError if the lease is shorter than four beats */
  constructor(options: RedisStreamRegistryOptions) {
    const { url, log, prefix = '{tb}', leaseMs = 8000, beatMs = 2000, reapMs = 500 } = options;
    // A node may reap while its own lease is younger than half; one late beat must not take that away.
    if (leaseMs < 4 * beatMs) throw new RangeError(`leaseMs (${leaseMs}) must be at least 4 times beatMs (${beatMs})`);
    const blockMs = leaseMs / 2;
    const outage = new Outage({ log });
    const onError = (error: Error) => outage.explain(error);
    const listeners = new ChangeListeners({ log });
    // After an outage nobody reaps for one lease: by then every node must have come back.
    const lastRetryMs = leaseMs / 8;
    const client = createRegistryClient({ url, name: 'registry', lastRetryMs, onError });
    const commandTimeoutMs = blockMs + COMMAND_TIMEOUT_MS;
    const tailClient = createRedisClient({ url, name: 'changes', commandTimeoutMs, lastRetryMs, onError });
    const lease = new Lease({ client, prefix, leaseMs, beatMs, streams: this.#streams, outage });
    const incarnation = () => lease.incarnation;
    const emit = (change: RegistryChange) => listeners.emit(change);
    this.#prefix = prefix;
    this.#log = log;
    this.#outage = outage;
    this.#listeners = listeners;
    this.#client = client;
    this.#tailClient = tailClient;
    this.#lease = lease;
    this.#reaper = new Reaper({ client, prefix, leaseMs, reapMs, incarnation, outage, log });
    const times = { blockMs, retryMs: beatMs, settleMs: leaseMs };
    this.#tail = new ChangeTail({ client: tailClient, prefix, ...times, emit, outage });
  }

  get state(): 'up' | 'down' {
    return this.#outage.down || this.#stopping ? 'down' : 'up';
  }

  get size(): number {
    return this.#streams.size;
  }

  async start(): Promise<void> {
    if (this.#stopping) return;
    this.#starting ??= this.#begin();
    await this.#starting;
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#end();
    await this.#stopping;
  }

  add(stream: RegisteredStream): void {
    if (this.#stopping || this.#streams.has(stream.streamId)) return;
    this.#streams.set(stream.streamId, stream);
    this.#lease.changed(stream.streamId);
  }

  remove(streamId: string, backWithinMs?: number): void {
    if (this.#streams.delete(streamId)) this.#lease.changed(streamId, backWithinMs);
  }

  async list(boardId: string): Promise<HeldStream[]> {
    // Asked of a hung Redis, every call would wait for its timeout and leave its command in the queue.
    if (this.state === 'down') throw new RegistryUnavailable('Redis is away');
    try {
      const held = await this.#client.hgetall(`${this.#prefix}:b:${boardId}`);
      return Object.entries(held).map(([streamId, holder]) => {
        const [userId = '', node = ''] = holder.split('|');
        return { streamId, boardId, userId, node };
      });
    } catch (error) {
      throw new RegistryUnavailable(`Redis did not answer: ${(error as Error).message}`, { cause: error });
    }
  }

  onChange(listener: (change: RegistryChange) => void): () => void {
    return this.#listeners.add(listener);
  }

  async #begin(): Promise<void> {
    // Rejects if the first attempt fails; the connections then go on trying, and the loops report it.
    await Promise.allSettled([this.#client.connect(), this.#tailClient.connect()]);
    this.#client.on('ready', () => this.#lease.beatNow());
    this.#tailClient.on('ready', () => this.#tail.readNow());
    // First of all the tail, so that it hears of this node's own joins.
    await this.#tail.start();
    await this.#lease.start();
    await this.#reaper.start();
  }

  async #end(): Promise<void> {
    await this.#starting;
    await Promise.all([this.#tail.stop(), this.#reaper.stop()]);
    try {
      await this.#lease.stop();
      const { incarnation } = this.#lease;
      if (incarnation) await buryStreams({ client: this.#client, prefix: this.#prefix, incarnation });
    } catch (error) {
      const reason = (error as Error).message;
      this.#log.warn({ reason, streams: this.size }, 'the lease was not handed over: others reap it when it expires');
    }
    this.#client.disconnect();
    this.#streams.clear();
  }
}
