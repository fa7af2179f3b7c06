// A node's lease in Redis and what is registered under it: the only writer of this node's streams.

import { randomUUID } from 'node:crypto';
import { Task } from '../background/task.ts';
import { closeRules } from '../streams/close-reason.ts';
import type { Outage } from './outage.ts';
import type { RegistryClient } from './registry-client.ts';
import type { RegisteredStream } from './stream-registry.ts';

/** Streams that one call writes. */
const BATCH = 500;
/** A lease is given up by a node that goes down in order, and has told its clients so. */
const [, RETIRED_BACK_MS] = closeRules.shutdown.retryMs;

export interface LeaseOptions {
  client: RegistryClient;
  prefix: string;
  leaseMs: number;
  beatMs: number;
  /** This node's open streams by id: the truth that Redis follows. Changed by the owner, who then calls `changed()`. */
  streams: ReadonlyMap<string, RegisteredStream>;
  outage: Outage;
}

/**
 * Not the changes are queued but the ids of what has changed, and a batch writes what is true by then: nothing can
 * overtake anything, and thousands of streams that open while one batch is under way make the next batch. What a
 * failed call did is unknown, so all that is known is forgotten, and the next beat compares and repairs.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #task: Task;
  /** Ids of streams that were opened or closed, and how soon the client of a closed one was told to come back. */
  readonly #changed = new Map<string, number | undefined>();
  #incarnation = '';
  #known: { revision: number; count: number } | undefined;
  #beatDueAt = 0;

  constructor(options: LeaseOptions) {
    const { outage, beatMs } = options;
    this.#options = options;
    this.#task = new Task({
      run: () => this.#keep(),
      failures: outage.of('lease'),
      backoff: { firstMs: beatMs, lastMs: beatMs },
    });
  }

  /** Of the lease that was taken last; empty before the first. */
  get incarnation(): string {
    return this.#incarnation;
  }

  /** Resolves after the first attempt. */
  async start(): Promise<void> {
    await this.#task.start();
  }

  /** Stops beating, and gives up the lease if Redis answers. @throws if it does not */
  async stop(): Promise<void> {
    await this.#task.stop();
    const { client, prefix } = this.#options;
    if (this.#incarnation) await client.retireLease(prefix, this.#incarnation, RETIRED_BACK_MS);
  }

  /** The stream was opened or closed. */
  changed(streamId: string, backWithinMs?: number): void {
    // While nothing is known everything will be compared, and a long outage must not fill the memory with ids.
    if (!this.#known) return;
    this.#changed.delete(streamId);
    this.#changed.set(streamId, backWithinMs);
    this.#task.wake();
  }

  /** Beats at once, for when Redis has come back. */
  beatNow(): void {
    this.#beatDueAt = 0;
    this.#task.hurry();
  }

  async #keep(): Promise<number> {
    try {
      if (performance.now() >= this.#beatDueAt) await this.#beat();
      if (this.#changed.size > 0) await this.#write();
    } catch (error) {
      this.#forget();
      this.#beatDueAt = 0;
      throw error;
    }
    return this.#changed.size > 0 ? 0 : this.#beatDueAt - performance.now();
  }

  async #beat(): Promise<void> {
    const { client, prefix, leaseMs, beatMs } = this.#options;
    this.#beatDueAt = performance.now() + beatMs;
    const { revision, count } = this.#known ?? { revision: -1, count: -1 };
    const answer = this.#incarnation && (await client.beat(prefix, this.#incarnation, leaseMs, revision, count));
    if (answer === 'differs') await this.#compare();
    else if (answer !== 'kept') await this.#take();
  }

  async #take(): Promise<void> {
    const { client, prefix, leaseMs, streams } = this.#options;
    this.#forget();
    const incarnation = randomUUID();
    await client.takeLease(prefix, incarnation, leaseMs);
    this.#incarnation = incarnation;
    this.#known = { revision: 0, count: 0 };
    for (const streamId of streams.keys()) this.#changed.set(streamId, undefined);
  }

  async #compare(): Promise<void> {
    const { client, prefix, streams } = this.#options;
    this.#forget();
    // A batch that Redis reads late, between the two, makes the revision outdated: it is refused and compared again.
    const [revision, held] = await Promise.all([
      client.hget(`${prefix}:revisions`, this.#incarnation),
      client.hkeys(`${prefix}:n:${this.#incarnation}`),
    ]);
    const registered = new Set(held);
    this.#known = { revision: Number(revision), count: registered.size };
    for (const streamId of registered) if (!streams.has(streamId)) this.#changed.set(streamId, undefined);
    for (const streamId of streams.keys()) if (!registered.has(streamId)) this.#changed.set(streamId, undefined);
  }

  async #write(): Promise<void> {
    const { client, prefix, streams } = this.#options;
    if (!this.#known) return;
    const { revision } = this.#known;
    const pairs: string[] = [];
    for (const [streamId, backWithinMs = ''] of this.#changed) {
      const stream = streams.get(streamId);
      pairs.push(streamId, stream ? `${stream.boardId}|${stream.userId}` : `${backWithinMs}`);
      this.#changed.delete(streamId);
      if (pairs.length === 2 * BATCH) break;
    }
    const count = await client.writeStreams(prefix, this.#incarnation, revision, ...pairs);
    if (count < 0) {
      this.#forget();
      this.#beatDueAt = 0;
    } else {
      this.#known = { revision: revision + 1, count };
    }
  }

  #forget(): void {
    this.#known = undefined;
    this.#changed.clear();
  }
}
