// Somebody else, on connections of their own: how long they wait while the requests are made.

import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '../helpers/client.ts';

const PACE_MS = 10;

export interface Waits {
  p50: number;
  p99: number;
  max: number;
}

export class Bystander {
  readonly #client: Client;
  readonly #boardId: string;
  #waits: number[] = [];
  #isStopped = false;
  #running: Promise<void> | undefined;
  /** What was not answered as it should be. */
  readonly faults: string[] = [];

  private constructor(client: Client, boardId: string) {
    this.#client = client;
    this.#boardId = boardId;
  }

  static async at(url: string): Promise<Bystander> {
    const client = await Client.signUp({ url }, 'Bystander');
    return new Bystander(client, await client.createBoard());
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** @returns how long answers took since the last call, in milliseconds */
  take(): Waits {
    const sorted = this.#waits.sort((a, b) => a - b);
    this.#waits = [];
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  /** A read and a write by turns. */
  async #run(): Promise<void> {
    const address = `/boards/${this.#boardId}`;
    for (let turn = 0; !this.#isStopped; turn += 1) {
      const before = performance.now();
      const asked = turn % 2 ? this.#client.get(address) : this.#client.patch(address, { name: `turn ${turn}` });
      const { status } = await asked.catch(() => ({ status: 0 }));
      this.#waits.push(performance.now() - before);
      if (status !== 200) this.faults.push(`${status} on turn ${turn}`);
      await delay(PACE_MS);
    }
  }
}
