// Sends broadcasts over the channels of their boards, to whichever nodes have them open, and to nobody else.

import type { Client } from 'pg';
import { type ConnectionOptions, DedicatedConnection } from '../postgres/dedicated-connection.ts';
import { type Problem, unavailable } from '../problems/problem.ts';
import { Channels } from './channel.ts';

const notifySql = `
  select pg_notify($3 || board_id, payload) from unnest($1::uuid[], $2::text[]) as sent (board_id, payload)`;

export interface BroadcastNotification {
  boardId: string;
  /** Must begin with `[`, which tells it from the number of a wake-up (see `Listener`), and have less than 8,000 bytes. */
  payload: string;
}

/**
 * Has a connection of its own: on the notifier's, a wake-up would wait for the broadcasts that are under way. A NOTIFY
 * keeps a lock of the whole server until its commit is on disk; what is stored nowhere need not wait for the disk.
 */
export class BroadcastNotifier {
  readonly #connection: DedicatedConnection;
  readonly #channels: Channels;

  /** @param connectionString must lead to PostgreSQL itself or to a pooler in session mode */
  constructor({ connectionString, schema, log, timings }: ConnectionOptions) {
    this.#channels = new Channels(schema);
    this.#connection = new DedicatedConnection({
      connectionString,
      schema,
      timings,
      name: 'broadcasts',
      log,
      onConnect: async (client) => void (await client.query('set synchronous_commit = off')),
      probe: async (client) => void (await client.query('select')),
    });
  }

  /** Resolves when it was connected for the first time. Later losses heal by themselves. */
  async start(): Promise<void> {
    await this.#connection.start();
  }

  async stop(): Promise<void> {
    await this.#connection.stop();
  }

  /** @throws Problem TB_UNAVAILABLE when there is no connection */
  assertUp(): void {
    this.#client();
  }

  /**
   * Sends all of them in one transaction, in their order.
   *
   * @throws Problem TB_UNAVAILABLE when they were not sent, or nobody knows: the outcome of a broadcast is worth no word
   */
  async notify(notifications: BroadcastNotification[]): Promise<void> {
    const client = this.#client();
    const boardIds = notifications.map(({ boardId }) => boardId);
    const payloads = notifications.map(({ payload }) => payload);
    try {
      await client.query({
        name: 'broadcasts-notify',
        text: notifySql,
        values: [boardIds, payloads, this.#channels.boardPrefix],
      });
    } catch (error) {
      this.#connection.reconnect(client, error as Error);
      throw dropped(error);
    }
  }

  #client(): Client {
    const { client } = this.#connection;
    if (!client) throw dropped();
    return client;
  }
}

function dropped(cause?: unknown): Problem {
  return unavailable('The database does not answer, and a broadcast is kept nowhere. Go on later.', cause);
}
