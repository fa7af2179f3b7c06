// Looks at the server's queue of notifications, which one listener that does not read fills for everybody.

import type { ClientBase } from 'pg';
import type { Logger } from '../logging/logger.ts';

/** Of the whole queue, which holds 8 GB unless configured otherwise. When it is full, every NOTIFY fails its commit. */
export const WARN_AT = 0.01;
const ACT_AT = 0.1;

export const queueAdvice =
  'look in pg_stat_activity for a session that has listened and is long in a transaction, or does not read';

const endStuckListenersSql = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name = 'teamboard listener' and wait_event = 'ClientWrite'`;

/** @returns what part of the queue is full */
export async function readQueueUsage(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ usage: number }>('select pg_notification_queue_usage() as usage');
  return rows[0]?.usage ?? 0;
}

/**
 * The queue goes as far back as the slowest listener of the server. A node that was stopped, and whose kernel still
 * answers for it, keeps it there for ever, and PostgreSQL sees only an idle session that waits for its client. It is
 * ended here; should it have been alive, it connects again and reads what it has missed (E4).
 */
export class QueueWatch {
  readonly #log: Logger;
  #isWarned = false;
  #usage = 0;

  constructor({ log }: { log: Logger }) {
    this.#log = log;
  }

  /** What part of the queue was full at the last look. */
  get usage(): number {
    return this.#usage;
  }

  /** Call now and then. @throws what the database throws */
  async look(client: ClientBase): Promise<void> {
    const usage = await readQueueUsage(client);
    this.#usage = usage;
    if (usage < WARN_AT) {
      if (this.#isWarned) this.#log.info({ usage }, 'the queue of notifications is short again');
      this.#isWarned = false;
      return;
    }
    const ended = usage < ACT_AT ? 0 : ((await client.query(endStuckListenersSql)).rowCount ?? 0);
    if (this.#isWarned && ended === 0) return;
    this.#isWarned = true;
    this.#log.warn({ usage, ended }, `the queue of notifications fills up; ${queueAdvice}`);
  }
}
