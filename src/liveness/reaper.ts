// The reaper: takes over what an expired lease held, on every node, at any time by whoever comes first.

import { Task } from '../background/task.ts';
import type { Logger } from '../logging/logger.ts';
import type { Outage } from './outage.ts';
import type { RegistryClient } from './registry-client.ts';

/** Streams that one call takes. */
const BATCH = 100;

export interface ReaperOptions {
  client: RegistryClient;
  leaseMs: number;
  reapMs: number;
  /** This node's incarnation, empty while it has none. */
  incarnation: () => string;
  outage: Outage;
  log: Logger;
}

export class Reaper {
  readonly #options: ReaperOptions;
  readonly #task: Task;
  #reaped = 0;

  constructor(options: ReaperOptions) {
    const { outage, reapMs } = options;
    this.#options = options;
    this.#task = new Task({
      run: () => this.#reap(),
      failures: outage.of('reaper'),
      backoff: { firstMs: reapMs, lastMs: reapMs },
    });
  }

  /** Streams of leases whose end it has seen to. */
  get reaped(): number {
    return this.#reaped;
  }

  async start(): Promise<void> {
    await this.#task.start();
  }

  async stop(): Promise<void> {
    await this.#task.stop();
  }

  async #reap(): Promise<number> {
    const { client, leaseMs, reapMs, incarnation, log } = this.#options;
    for (const dying of await client.expireLeases(incarnation(), leaseMs)) {
      const streams = await buryStreams(client, dying);
      if (streams === undefined) continue;
      this.#reaped += streams;
      log.info({ incarnation: dying, streams }, 'a lease has ended and was reaped');
    }
    return reapMs;
  }
}

/**
 * Takes all streams of an incarnation that is dying, together with whoever else is at it.
 * @returns how many all together took, to the one that took the last; undefined to the others
 * @throws if Redis fails; what is left stays dying for the next reaper
 */
export async function buryStreams(client: RegistryClient, incarnation: string): Promise<number | undefined> {
  for (;;) {
    // Those that another reaper takes in between are no fault: the script counts what it finds.
    const answer = await client.buryStreams(incarnation, await client.someHeld(incarnation, BATCH));
    if (!answer) return undefined;
    const [finished, taken] = answer;
    if (finished === 1) return taken;
  }
}
