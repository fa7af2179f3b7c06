// A node's lease in Redis and what is registered under it: the only writer of this node's streams.

import { randomUUID } from 'node:crypto';
import { Task } from '../background/task.ts';
import { closeRules } from '../streams/wire/close-reason.ts';
import type { Outage } from './outage.ts';
import { boardOf, type RegistryClient, type StreamWrite } from './registry-client.ts';
import { entryOf, type RegisteredStream } from './stream-registry.ts';

/** Streams that one call writes. */
const BATCH = 500;
/** A lease is given up by a node that goes down in order, and has told its clients so. */
const [, RETIRED_BACK_MS] = closeRules.shutdown.retryMs;

export interface LeaseOptions {
  client: RegistryClient;
  leaseMs: number;
  beatMs: number;
  /** This node's open streams by their entries: the truth that Redis follows. Changed by the owner, who then calls `changed()`. */
  streams: ReadonlyMap<string, RegisteredStream>;
  outage: Outage;
}

/**
 * Not the changes are queued but the entries of what has changed, and a batch writes what is true by then: nothing can
 * overtake anything, and thousands of streams that open while one batch is under way make the next batch. What a
 * failed call did is unknown, so all that is known is forgotten, and the next beat compares and repairs.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #task: Task;
  /** Streams that were opened or closed, by entry, and how soon the client of a closed one was told to come back. */
  readonly #changed = new Map<string, { boardId: string; backWithinMs?: number | undefined }>();
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
    if (this.#incarnation) await this.#options.client.retireLease(this.#incarnation, RETIRED_BACK_MS);
  }

  /** The stream was opened or closed. */
  changed(stream: RegisteredStream, backWithinMs?: number): void {
    // While nothing is known everything will be compared, and a long outage must not fill the memory with them.
    if (!this.#known) return;
    const entry = entryOf(stream);
    this.#changed.delete(entry);
    this.#changed.set(entry, { boardId: stream.boardId, backWithinMs });
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
    const { client, leaseMs, beatMs } = this.#options;
    this.#beatDueAt = performance.now() + beatMs;
    const { revision, count } = this.#known ?? { revision: -1, count: -1 };
    const answer = this.#incarnation && (await client.beat(this.#incarnation, leaseMs, revision, count));
    if (answer === 'differs') await this.#compare();
    else if (answer !== 'kept') await this.#take();
  }

  async #take(): Promise<void> {
    const { client, leaseMs, streams } = this.#options;
    this.#forget();
    const incarnation = randomUUID();
    await client.takeLease(incarnation, leaseMs);
    this.#incarnation = incarnation;
    this.#known = { revision: 0, count: 0 };
    for (const [entry, { boardId }] of streams) this.#changed.set(entry, { boardId });
  }

  async #compare(): Promise<void> {
    const { client, streams } = this.#options;
    const { redis, keys } = client;
    this.#forget();
    // A batch that Redis reads late, between the two, makes the revision outdated: it is refused and compared again.
    const [revision, held] = await Promise.all([
      redis.hget(keys.revisions, this.#incarnation),
      redis.hgetall(keys.held(this.#incarnation)),
    ]);
    const registered = new Map(Object.entries(held));
    this.#known = { revision: Number(revision), count: registered.size };
    for (const [entry, value] of registered) {
      if (!streams.has(entry)) this.#changed.set(entry, { boardId: boardOf(value) });
    }
    for (const [entry, { boardId }] of streams) {
      if (!registered.has(entry)) this.#changed.set(entry, { boardId });
    }
  }

  async #write(): Promise<void> {
    const { client, streams } = this.#options;
    if (!this.#known) return;
    const { revision } = this.#known;
    const writes: StreamWrite[] = [];
    for (const [entry, { boardId, backWithinMs = '' }] of this.#changed) {
      const stream = streams.get(entry);
      writes.push({ entry, boardId, value: stream ? `${boardId}|${stream.userId}` : `${backWithinMs}` });
      this.#changed.delete(entry);
      if (writes.length === BATCH) break;
    }
    const count = await client.writeStreams(this.#incarnation, revision, writes);
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
