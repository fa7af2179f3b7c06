// Sends the wake-ups for what this node has written, after the commit.

import type { Client } from 'pg';
import { Task } from '../background/task.ts';
import { type ConnectionOptions, DedicatedConnection } from '../postgres/dedicated-connection.ts';
import { Channels } from './channel.ts';
import type { OtherNodes } from './other-nodes.ts';
import { QueueWatch } from './queue-watch.ts';

/** Channels that one statement notifies. */
const BATCH = 500;

const notifySql = `
  select pg_notify($2 || board_id, head::text) from :schema.board_log where board_id = any($1::uuid[])`;

export interface NotifierOptions extends ConnectionOptions {
  /** Sees and is seen by this connection. */
  otherNodes: OtherNodes;
}

/**
 * A NOTIFY inside the writer's transaction takes a lock of the whole cluster until it has committed, which costs
 * three quarters of the writes per second. So it goes out after the commit, on a connection of its own: at once when
 * nothing is under way, together with all others that came meanwhile when something is. A wake-up that is lost with
 * this process costs time, never an event: each node compares the heads now and then.
 */
export class Notifier {
  readonly #connection: DedicatedConnection;
  readonly #channels: Channels;
  readonly #pending = new Set<string>();
  readonly #watch: QueueWatch;
  readonly #send: Task;
  #client: Client | undefined;

  constructor({ connectionString, schema, otherNodes, log, timings }: NotifierOptions) {
    this.#channels = new Channels(schema);
    this.#watch = new QueueWatch({ log });
    this.#connection = new DedicatedConnection({
      connectionString,
      schema,
      timings,
      name: 'notifier',
      log,
      onConnect: async (client) => {
        await otherNodes.introduce(client);
        await otherNodes.look(client);
        this.#client = client;
        this.#send.hurry();
      },
      onLost: () => {
        this.#client = undefined;
      },
      probe: async (client) => {
        await this.#watch.look(client);
        await otherNodes.look(client);
      },
    });
    this.#send = new Task({
      run: () => this.#sendPending(),
      // The connection says it all.
      failures: { failed: () => {}, worked: () => {} },
    });
  }

  /** Boards whose wake-up has not gone out yet, and what part of the server's queue was full at the last look. */
  get figures(): { pending: number; queueUsage: number } {
    return { pending: this.#pending.size, queueUsage: this.#watch.usage };
  }

  /** Resolves when it was connected for the first time. Later losses heal by themselves. */
  async start(): Promise<void> {
    await this.#connection.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#send.stop(), this.#connection.stop()]);
  }

  /** Call after the commit of a change of the board. Never waits and never fails. */
  wake(boardId: string): void {
    this.#pending.add(boardId);
    this.#send.wake();
  }

  async #sendPending(): Promise<number | undefined> {
    const client = this.#client;
    if (!client || this.#pending.size === 0) return;
    const batch = [...this.#pending].slice(0, BATCH);
    for (const boardId of batch) this.#pending.delete(boardId);
    try {
      await client.query({ name: 'notifier-notify', text: notifySql, values: [batch, this.#channels.boardPrefix] });
    } catch (error) {
      for (const boardId of batch) this.#pending.add(boardId);
      this.#connection.reconnect(client, error as Error);
      throw error;
    }
    return this.#pending.size > 0 ? 0 : undefined;
  }
}
