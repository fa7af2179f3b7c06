// Finds clients that have vanished without a word, on idle streams and on busy ones.

import type { Socket } from 'node:net';
import { LoggedFailures } from '../background/failures.ts';
import { Task } from '../background/task.ts';
import type { Logger } from '../logger.ts';
import { connectionKey, isPassing, readBusyConnections } from '../output/tcp-table.ts';
import type { Stream } from '../streams/stream.ts';

/**
 * Below the interval of heartbeats, so that an idle connection is probed before the next heartbeat: once data waits
 * for an acknowledgement, Linux sends no more probes. Node adds ten probes, one second apart.
 */
const KEEPALIVE_IDLE_MS = 4000;
const LOOK_INTERVAL_MS = 5000;
/** Packets without an answer: the third retransmission of data comes after 1.4 s at the earliest. */
const SUSPECT_AT = 3;
/** How long a connection may be suspect, without an answer in between. */
const SILENCE_MS = 15_000;

/**
 * A write to a vanished peer succeeds, for a quarter of an hour: the kernel keeps retransmitting. So
 * - an idle connection is probed by TCP keepalive, and reset after about 14 s of silence;
 * - of one with data under way, the kernel's table tells how many retransmissions the peer has left unanswered. The
 *   count starts again at each answer, so a slow or a lossy connection, however full its queue, is not taken for dead.
 */
export class DeadPeers {
  readonly #streams: Iterable<Stream>;
  readonly #log: Logger;
  /** Suspects, by connection: since when, and the count at the last look. */
  #suspects = new Map<string, { since: number; unanswered: number }>();
  readonly #task: Task;

  /** @param options `streams` is iterated anew at each look */
  constructor({ streams, log }: { streams: Iterable<Stream>; log: Logger }) {
    this.#streams = streams;
    this.#log = log;
    this.#task = new Task({
      run: () => this.#look(),
      // The suspects stay for the next look. Not sooner, as it reads a line for each connection of the host.
      backoff: { firstMs: LOOK_INTERVAL_MS, lastMs: LOOK_INTERVAL_MS },
      failures: new LoggedFailures({
        log,
        owner: 'dead peers',
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
    socket?.setKeepAlive(true, KEEPALIVE_IDLE_MS);
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
    const dead = new Set([...suspects].filter(([, { since }]) => now - since >= SILENCE_MS).map(([key]) => key));
    if (dead.size > 0) this.#abandon(dead);
    return LOOK_INTERVAL_MS;
  }

  #abandon(dead: Set<string>): void {
    for (const stream of [...this.#streams]) {
      const key = connectionKey(stream.socket ?? {});
      if (key && dead.has(key)) stream.abandon();
    }
  }
}
