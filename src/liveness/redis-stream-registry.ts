// The stream registry of several nodes, in Redis: puts the lease, the reaper and the tail together.

import type { Logger } from '../logging/logger.ts';
import { readRedisAddress } from '../redis/redis-address.ts';
import {
  COMMAND_TIMEOUT_MS,
  connectOnce,
  createRedisClient,
  onConnection,
  type RedisClient,
} from '../redis/redis-client.ts';
import { RedisRefusedError } from '../redis/redis-refusal.ts';
import { timings } from '../timings.ts';
import { ChangeListeners } from './change-listeners.ts';
import { ChangeTail } from './change-tail.ts';
import { Lease } from './lease.ts';
import { OtherDatabases } from './other-databases.ts';
import { Outage } from './outage.ts';
import { buryStreams, Reaper } from './reaper.ts';
import { RegistryClient } from './registry-client.ts';
import { ServerWatch } from './server-watch.ts';
import {
  entryOf,
  type HeldStream,
  type RegisteredStream,
  type RegistryChange,
  RegistryUnavailable,
  type StreamRegistry,
} from './stream-registry.ts';

/** Each node finds the new primary in its own time, and what it said of the old one counts for a lease. */
const FAILOVER_MS = 30_000;

export interface RedisStreamRegistryOptions {
  /** As in `createRedisClient`. Two connections are opened. */
  url: string;
  log: Logger;
  /** Begins every key. Nodes of one installation share it. */
  prefix: string;
  /** As `OtherDatabases` wants it; default: not known, as of who only listens. */
  database?: () => string | undefined;
  /** How long a node that is silent counts as alive; default 8000. All nodes must agree. */
  leaseMs?: number;
  /** How often the lease is renewed; default 2000, at most a quarter of the lease. */
  beatMs?: number;
  /** How often it looks for dead nodes; default 500. */
  reapMs?: number;
}

export class RedisStreamRegistry implements StreamRegistry {
  /** By their entries. */
  readonly #streams = new Map<string, RegisteredStream>();
  readonly #log: Logger;
  readonly #listeners: ChangeListeners;
  readonly #outage: Outage;
  readonly #client: RegistryClient;
  readonly #tailClient: RedisClient;
  readonly #server: ServerWatch;
  readonly #lease: Lease;
  readonly #reaper: Reaper;
  readonly #tail: ChangeTail;
  readonly #otherDatabases: OtherDatabases;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws RangeError if the lease is shorter than four beats */
  constructor(options: RedisStreamRegistryOptions) {
    const { url, log, prefix, database = () => undefined } = options;
    const { leaseMs, beatMs, reapMs } = { ...timings.leases, ...options };
    // A node may reap while its own lease is younger than half; one late beat must not take that away.
    if (leaseMs < 4 * beatMs) throw new RangeError(`leaseMs (${leaseMs}) must be at least 4 times beatMs (${beatMs})`);
    const blockMs = leaseMs / 2;
    const outage = new Outage({ log, isCluster: readRedisAddress(url).kind === 'cluster' });
    const onError = (error: Error) => outage.explain(error);
    const listeners = new ChangeListeners({ log });
    // After an outage nobody reaps for one lease: by then every node must have come back.
    const lastRetryMs = leaseMs / 8;
    const client = new RegistryClient({ url, prefix, name: 'registry', lastRetryMs, onError });
    const commandTimeoutMs = blockMs + COMMAND_TIMEOUT_MS;
    const tailClient = createRedisClient({ url, name: 'changes', commandTimeoutMs, lastRetryMs, onError });
    const lease = new Lease({ client, leaseMs, beatMs, streams: this.#streams, outage });
    const incarnation = () => lease.incarnation;
    const emit = (change: RegistryChange) => listeners.emit(change);
    this.#log = log;
    this.#outage = outage;
    this.#listeners = listeners;
    this.#client = client;
    this.#tailClient = tailClient;
    this.#server = new ServerWatch({ url, prefix, client, retryMs: beatMs, outage, log });
    this.#lease = lease;
    this.#reaper = new Reaper({ client, leaseMs, reapMs, incarnation, outage, log });
    const times = { blockMs, retryMs: beatMs, settleMs: leaseMs };
    this.#tail = new ChangeTail({ client: tailClient, key: client.keys.changes, ...times, emit, outage });
    this.#otherDatabases = new OtherDatabases({
      client,
      database,
      leaseMs,
      beatMs,
      patienceMs: FAILOVER_MS,
      outage,
      log,
    });
  }

  get state(): 'up' | 'down' {
    return this.#outage.down || this.#stopping ? 'down' : 'up';
  }

  get node(): string {
    return this.#lease.incarnation;
  }

  get otherDatabases(): number {
    return this.#otherDatabases.count;
  }

  get reaped(): number {
    return this.#reaper.reaped;
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
    const entry = entryOf(stream);
    if (this.#stopping || this.#streams.has(entry)) return;
    this.#streams.set(entry, stream);
    this.#lease.changed(stream);
  }

  remove(removed: Pick<RegisteredStream, 'streamId' | 'boardId'>, backWithinMs?: number): void {
    const entry = entryOf(removed);
    const stream = this.#streams.get(entry);
    if (!stream) return;
    this.#streams.delete(entry);
    this.#lease.changed(stream, backWithinMs);
  }

  async list(boardId: string): Promise<HeldStream[]> {
    // Asked of a hung Redis, every call would wait for its timeout and leave its command in the queue.
    if (this.state === 'down') throw new RegistryUnavailable('Redis is away');
    try {
      const held = await this.#client.redis.hgetall(this.#client.keys.streams(boardId));
      return Object.entries(held).map(([entry, holder]) => {
        const [streamId = ''] = entry.split(':');
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
    try {
      await this.#server.meet();
    } catch (error) {
      if (!(error instanceof RedisRefusedError)) throw error;
      // Nothing was begun that would have to be ended.
      this.#client.redis.disconnect();
      throw error;
    }
    await connectOnce(this.#tailClient);
    onConnection(this.#client.redis, () => {
      this.#server.lookNow();
      this.#lease.beatNow();
    });
    onConnection(this.#tailClient, () => this.#tail.readNow());
    // First of all the tail, so that it hears of this node's own joins.
    await this.#tail.start();
    await this.#server.start();
    await this.#lease.start();
    await this.#reaper.start();
    await this.#otherDatabases.start();
  }

  async #end(): Promise<void> {
    // It has failed where Redis refused.
    await this.#starting?.catch(() => {});
    await Promise.all([this.#tail, this.#reaper, this.#server, this.#otherDatabases].map((part) => part.stop()));
    try {
      await this.#lease.stop();
      const { incarnation } = this.#lease;
      if (incarnation) await buryStreams(this.#client, incarnation);
    } catch (error) {
      const reason = (error as Error).message;
      this.#log.warn({ reason, streams: this.size }, 'the lease was not handed over: others reap it when it expires');
    }
    this.#client.redis.disconnect();
    this.#streams.clear();
  }
}
