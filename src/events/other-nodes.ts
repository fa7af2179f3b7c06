// Other nodes on the same database of which this one hears nothing, for want of a Redis that both have.

import { randomBytes } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { Logger } from '../logging/logger.ts';

// Who is alive has asked something of its connection since, and a node that was cut off may stand there for hours. The
// time is hidden from roles that may not know it.
const countSql = `
  select count(distinct node[1])::integer as count
  from pg_stat_activity
  cross join regexp_match(application_name, '^teamboard notifier ([0-9a-f]{8}) in ([a-z0-9_]+)( alone)?') node
  where datname = current_database() and node[2] = :'schema' and node[1] <> $1 and ($2 or node[3] is not null)
    and (state_change > now() - interval '30 seconds') is not false`;

export interface OtherNodesOptions {
  schema: string;
  hasRedis: boolean;
  /** For how long two may stand side by side, as in a rolling restart, before the log says so. */
  patienceMs: number;
  log: Logger;
}

/**
 * Nodes without Redis serve writes and events together, and each knows only its own streams: presence, rate limits and
 * dead nodes are told wrongly, and nothing else would show it. Each node has a connection by whose name in
 * `pg_stat_activity` the others see it.
 */
export class OtherNodes {
  readonly #options: OtherNodesOptions;
  readonly #id = randomBytes(4).toString('hex');
  #count = 0;
  #sinceMs: number | undefined;
  #isTold = false;

  constructor(options: OtherNodesOptions) {
    this.#options = options;
  }

  /** As of the last {@link look}. */
  get count(): number {
    return this.#count;
  }

  /** Names a connection that lasts for as long as the node does, and begins anew with each that takes its place. */
  async introduce(client: ClientBase): Promise<void> {
    const { schema, hasRedis } = this.#options;
    const name = `teamboard notifier ${this.#id} in ${schema}${hasRedis ? '' : ' alone'}`;
    await client.query(`select set_config('application_name', $1, false)`, [name]);
  }

  /** Call now and then. @throws what the database throws */
  async look(client: ClientBase): Promise<void> {
    const { rows } = await client.query<{ count: number }>(countSql, [this.#id, !this.#options.hasRedis]);
    this.#count = rows[0]?.count ?? 0;
    if (this.#count === 0) this.#gone();
    else this.#seen(performance.now());
  }

  #seen(nowMs: number): void {
    const { patienceMs, log } = this.#options;
    this.#sinceMs ??= nowMs;
    if (this.#isTold || nowMs - this.#sinceMs < patienceMs) return;
    this.#isTold = true;
    const meaning = 'presence, limits and the streams of a node that dies are counted by each for itself';
    log.warn(
      { nodes: this.#count },
      `other nodes are on this database without a Redis that all have: ${meaning}. Give all of them the same REDIS_URL`,
    );
  }

  #gone(): void {
    if (this.#isTold) this.#options.log.info({}, 'no other node is on this database without a Redis that both have');
    this.#isTold = false;
    this.#sinceMs = undefined;
  }
}
