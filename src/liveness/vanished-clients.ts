// Finds clients that have vanished without a word, on idle streams and on busy ones.

import type { Socket } from 'node:net';
import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { Logger } from '../logging/logger.ts';
import { connectionKey, isPassing, readBusyConnections } from '../output/tcp-table.ts';
import type { Stream } from '../streams/stream.ts';
import type { Timings } from '../timings.ts';

/** Packets without an answer: the third retransmission of data comes after 1.4 s at the earliest. */
const SUSPECT_AT = 3;

export interface VanishedClientsOptions {
  /** Iterated anew at each look. */
  streams: Iterable<Stream>;
  log: Logger;
  timings: Timings['vanishedClients'];
}

/**
 * A write to a vanished peer succeeds, for a quarter of an hour: the kernel keeps retransmitting. So
 * - an idle connection is probed by TCP keepalive, and reset after about 14 s of silence;
 * - of one with data under way, the kernel's table tells how many retransmissions the peer has left unanswered. The
 *   count starts again at each answer, so a slow or a lossy connection, however full its queue, is not taken for dead.
 */
export class VanishedClients {
  readonly #streams: Iterable<Stream>;
  readonly #log: Logger;
  readonly #timings: Timings['vanishedClients'];
  /** Suspects, by connection: since when, and the count at the last look. */
  #suspects = new Map<string, { since: number; unanswered: number }>();
  readonly #task: Task;

  constructor({ streams, log, timings }: VanishedClientsOptions) {
    this.#streams = streams;
    this.#log = log;
    this.#timings = timings;
    this.#task = new Task({
      run: () => this.#look(),
      // The suspects stay for the next look. Not sooner, as it reads a line for each connection of the host.
      backoff: { firstMs: timings.lookMs, lastMs: timings.lookMs },
      failures: new LoggedFailures({
        log,
        owner: 'vanished clients',
        failing: 'the connections of this host cannot be read; clients that vanish are found later',
        healed: 'the connections of this host can be read again',
        isOutage: isPassing,
      }),
    });
  }

  start(): void {
    void this.#task.start();
  }

  /** Resolves when the look under way has ended. */
  async stop(): Promise<void> {
    await this.#task.stop();
  }

  /** Call for each stream when it opens. */
  watch(socket: Socket | null): void {
    socket?.setKeepAlive(true, this.#timings.keepAliveIdleMs);
  }

  async #look(): Promise<number | undefined> {
    const busy = await readBusyConnections();
    if (!busy) {
      this.#log.info({}, 'this system does not tell of unanswered packets; busy streams end at their maximum age');
      return undefined;
    }
    const now = performance.now();
    const suspects = new Map<string, { since: number; unanswered: number }>();
    for (const { key, unanswered } of busy) {
      if (unanswered < SUSPECT_AT) continue;
      const before = this.#suspects.get(key);
      const wentOn = before !== undefined && unanswered >= before.unanswered;
      suspects.set(key, { since: wentOn ? before.since : now, unanswered });
    }
    this.#suspects = suspects;
    const dead = new Set(
      [...suspects].filter(([, { since }]) => now - since >= this.#timings.silenceMs).map(([key]) => key),
    );
    if (dead.size > 0) this.#abandon(dead);
    return this.#timings.lookMs;
  }

  #abandon(dead: Set<string>): void {
    for (const stream of [...this.#streams]) {
      const key = connectionKey(stream.socket ?? {});
      if (key && dead.has(key)) stream.abandon();
    }
  }
}
