// Nodes on another database that use the same keys in Redis: a copy of the installation that kept its REDIS_PREFIX.

import { Task } from '../background/task.ts';
import type { Logger } from '../logging/logger.ts';
import type { Outage } from './outage.ts';
import type { RegistryClient } from './registry-client.ts';

export interface OtherDatabasesOptions {
  client: RegistryClient;
  /** What tells the node's database from a copy of it; undefined while it is not known. */
  database: () => string | undefined;
  /** How long counts what a node has said. */
  leaseMs: number;
  beatMs: number;
  /** For how long nodes may differ, as after a failover, before the log says so. */
  patienceMs: number;
  outage: Outage;
  log: Logger;
}

/**
 * A copy has the same boards, so each shows the people of the other as present, and counts their streams. Never a reason
 * to refuse the start: a database that was promoted or restored is another one too, while its nodes find out.
 */
export class OtherDatabases {
  readonly #options: OtherDatabasesOptions;
  readonly #task: Task;
  #count = 0;
  #sinceMs: number | undefined;
  #hasLooked = false;
  #isTold = false;

  constructor(options: OtherDatabasesOptions) {
    const { outage, beatMs } = options;
    this.#options = options;
    this.#task = new Task({
      run: () => this.#look(),
      failures: outage.of('databases'),
      backoff: { firstMs: beatMs, lastMs: beatMs },
    });
  }

  /** As of the last look. */
  get count(): number {
    return this.#count;
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#task.start();
  }

  /** Takes back what it has said, so that the next start may be on another database. Others on this one say it again. */
  async stop(): Promise<void> {
    await this.#task.stop();
    const { client, database } = this.#options;
    const own = database();
    // What is not taken back is forgotten soon.
    if (own !== undefined && this.#hasLooked) await client.redis.zrem(client.keys.databases, own).catch(() => {});
  }

  async #look(): Promise<number> {
    const { client, database, leaseMs, beatMs } = this.#options;
    const own = database();
    if (own !== undefined) {
      const inUse = await client.nameDatabase(own, leaseMs);
      this.#count = inUse.filter((other) => other !== own).length;
      if (this.#count > 0) this.#seen(performance.now());
      else this.#gone();
      this.#hasLooked = true;
    }
    return beatMs;
  }

  #seen(nowMs: number): void {
    // Who has just started has found the primary, and whoever has set the prefix is looking.
    this.#sinceMs ??= this.#hasLooked ? nowMs : -Infinity;
    if (this.#isTold || nowMs - this.#sinceMs < this.#options.patienceMs) return;
    this.#isTold = true;
    this.#options.log.warn(
      { databases: this.#count },
      'nodes on another database use this Redis with the same REDIS_PREFIX, and presence mixes the people of both: ' +
        'give each installation a REDIS_PREFIX of its own',
    );
  }

  #gone(): void {
    if (this.#isTold) this.#options.log.info({}, 'all nodes with this REDIS_PREFIX are on one database');
    this.#isTold = false;
    this.#sinceMs = undefined;
  }
}
