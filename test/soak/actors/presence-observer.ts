// Takes part in the registry, and compares what it says with the streams that the readers hold open.

import { setTimeout as delay } from 'node:timers/promises';
import { RedisStreamRegistry } from '../../../src/liveness/redis-stream-registry.ts';
import type { RegistryChange } from '../../../src/liveness/stream-registry.ts';
import type { OpenStreams } from '../readers/open-streams.ts';
import type { Violations } from '../violations.ts';

/** By how much the registry may lag behind, when all is well. */
const LAG_MS = 3000;
/** After an outage `resync` comes within one lease (8 s); a join or leave that does not fit may be its herald. */
const HERALD_MS = 20_000;
const COMPARE_MS = 40_000;

export interface PresenceObserverOptions {
  redisUrl: string;
  boardIds: string[];
  openStreams: OpenStreams;
  violations: Violations;
}

export class PresenceObserver {
  readonly #options: PresenceObserverOptions;
  readonly #registry: RedisStreamRegistry;
  /** Who is there, by board: the joins less the leaves. */
  readonly #present = new Map<string, Set<string>>();
  /** Joins of those who are there, leaves of those who are not. */
  #doubtful: Array<{ at: number; detail: string }> = [];
  /** What was heard while the registry was being listed: it may be in the list or not. */
  #heardMeanwhile: Array<() => void> = [];
  /** Until when a change may be one that the list already held. */
  #settledAt = 0;
  readonly counts = { joins: 0, leaves: 0, resyncs: 0 };

  constructor(options: PresenceObserverOptions) {
    this.#options = options;
    for (const boardId of options.boardIds) this.#present.set(boardId, new Set());
    this.#registry = new RedisStreamRegistry({
      url: options.redisUrl,
      prefix: 'teamboard',
      log: { info() {}, warn() {} },
    });
    this.#registry.onChange((change) => this.#heard(change));
  }

  async start(): Promise<void> {
    await this.#registry.start();
  }

  async stop(): Promise<void> {
    await this.#registry.stop();
  }

  /** Waits until registry, joins less leaves, and readers agree. */
  async compare(): Promise<void> {
    const deadline = performance.now() + COMPARE_MS;
    let differences = await this.#differences();
    while (differences.length > 0 && performance.now() < deadline) {
      await delay(500);
      differences = await this.#differences();
    }
    for (const difference of differences) this.#options.violations.add('joins − leaves = present', difference);
    this.#judgeDoubtful(performance.now());
  }

  #heard(change: RegistryChange): void {
    if (change.action === 'resync') {
      this.counts.resyncs += 1;
      this.#doubtful = [];
      void this.#listAgain();
      return;
    }
    const { action, boardId, userId } = change;
    this.counts[action === 'join' ? 'joins' : 'leaves'] += 1;
    const isOdd = this.#present.get(boardId)?.has(userId) === (action === 'join');
    const now = performance.now();
    if (isOdd && now > this.#settledAt) {
      this.#doubtful.push({ at: now, detail: `a second ${action} of ${userId} on ${boardId}` });
    }
    const apply = () => {
      const users = this.#present.get(boardId);
      if (action === 'join') users?.add(userId);
      else users?.delete(userId);
    };
    apply();
    if (this.#settledAt === Number.POSITIVE_INFINITY) this.#heardMeanwhile.push(apply);
    this.#judgeDoubtful(now - HERALD_MS);
  }

  #judgeDoubtful(before: number): void {
    for (const { at, detail } of this.#doubtful) {
      if (at < before) this.#options.violations.add('one `leave` for each `join`', detail);
    }
    this.#doubtful = this.#doubtful.filter(({ at }) => at >= before);
  }

  async #listAgain(): Promise<void> {
    this.#settledAt = Number.POSITIVE_INFINITY;
    for (const boardId of this.#options.boardIds) {
      this.#heardMeanwhile = [];
      const held = await this.#registry.list(boardId).catch(() => undefined);
      if (held) this.#present.set(boardId, new Set(held.map(({ userId }) => userId)));
      for (const apply of this.#heardMeanwhile) apply();
    }
    this.#settledAt = performance.now() + LAG_MS;
  }

  async #differences(): Promise<string[]> {
    const found: string[] = [];
    for (const boardId of this.#options.boardIds) {
      const held = await this.#registry.list(boardId).catch((error: Error) => error);
      if (held instanceof Error) return [`the registry is not there: ${held.message}`];
      const registered = new Map(held.map(({ streamId, userId }) => [streamId, userId]));
      found.push(...this.#compareBoard(boardId, registered));
    }
    return found;
  }

  #compareBoard(boardId: string, registered: Map<string, string>): string[] {
    const { openStreams } = this.#options;
    const steady = openStreams.steady(boardId, LAG_MS);
    const recent = openStreams.recent(boardId, LAG_MS);
    const present = this.#present.get(boardId) ?? new Set();
    const steadyUsers = new Set(steady.values());
    const recentUsers = new Set(recent.values());
    const name = (what: string, ids: Iterable<string>) => [...ids].map((id) => `${what}: ${id} on ${boardId}`);
    return [
      ...name(
        'open and not registered',
        [...steady.keys()].filter((id) => !registered.has(id)),
      ),
      ...name(
        'registered and not open',
        [...registered.keys()].filter((id) => !recent.has(id)),
      ),
      ...name(
        'there and not joined',
        [...steadyUsers].filter((id) => !present.has(id)),
      ),
      ...name(
        'joined and not there',
        [...present].filter((id) => !recentUsers.has(id)),
      ),
    ];
  }
}
