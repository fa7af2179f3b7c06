// Hears what Postgres announces: one dedicated connection, one channel for each board that is open on this node, and one
// for the end of sessions and tokens.

import type { Client, Notification } from 'pg';
import type { Logger } from '../logger.ts';
import { DedicatedConnection } from '../postgres/dedicated-connection.ts';
import { ACCESS_CHANNEL, boardOf, channelOf } from './channel.ts';

/** LISTEN statements of one round trip. */
const BATCH = 1000;

/** Whoever acts on what is announced. Must return at once: a listener that does not read fills the server's queue. */
export interface ListenerReceiver {
  /**
   * Something happened on the board; `head` as the notification says it, undefined when it says nothing readable. A
   * hint only: anyone may NOTIFY.
   */
  onNotification(boardId: string, head: number | undefined): void;
  /** These sessions or tokens have ended, or end sooner than they did. A hint only, of any text. */
  onAccessEnded(credentialIds: string[]): void;
  /**
   * After each (re)connect, when all wanted channels are registered. What was announced in between is lost: the
   * receiver compares the heads.
   */
  onConnected(epoch: string): void;
}

export class Listener {
  readonly #receivers: ListenerReceiver[] = [];
  readonly #broadcastReceivers: Array<(boardId: string, payload: string) => void> = [];
  readonly #connection: DedicatedConnection;
  /** Boards that should be heard. */
  readonly #wanted = new Set<string>();
  /** Boards whose channel the present connection has registered. */
  readonly #registered = new Set<string>();
  readonly #toRegister = new Set<string>();
  readonly #toRelease = new Set<string>();
  #registering: Promise<void> | undefined;
  #epoch = '';

  /** @param connectionString must lead to PostgreSQL itself or to a pooler in session mode */
  constructor({ connectionString, log }: { connectionString: string; log: Logger }) {
    this.#connection = new DedicatedConnection({
      connectionString,
      name: 'listener',
      log,
      onConnect: (client) => this.#onConnect(client),
      probe: (client) => this.#probe(client),
    });
  }

  get isUp(): boolean {
    return this.#connection.client !== undefined;
  }

  /** The history that the database is in (postgres/migrations/0005_epoch.sql), as of the last (re)connect; empty before the first. */
  get epoch(): string {
    return this.#epoch;
  }

  /** Receivers are called in the order in which they came, and never leave. Call before {@link start}. */
  subscribe(receiver: ListenerReceiver): void {
    this.#receivers.push(receiver);
  }

  /**
   * @param receive is handed each payload that begins with `[`, of anyone and checked by nobody, and must return at
   *   once. Call before {@link start}.
   */
  subscribeToBroadcasts(receive: (boardId: string, payload: string) => void): void {
    this.#broadcastReceivers.push(receive);
  }

  /** Resolves when it was connected for the first time. Later losses heal by themselves. */
  async start(): Promise<void> {
    await this.#connection.start();
  }

  async stop(): Promise<void> {
    await this.#connection.stop();
  }

  /**
   * Resolves when the board's channel is registered: what commits after that is announced here. While the connection
   * is down it resolves at once; the board is then heard from the next `onConnected` on.
   *
   * @throws TypeError when `boardId` is no UUID in lower case
   */
  async listen(boardId: string): Promise<void> {
    channelOf(boardId);
    this.#wanted.add(boardId);
    this.#toRelease.delete(boardId);
    if (this.#registered.has(boardId)) return;
    this.#toRegister.add(boardId);
    await this.#register(this.#connection.client);
  }

  unlisten(boardId: string): void {
    this.#wanted.delete(boardId);
    this.#toRegister.delete(boardId);
    if (!this.#registered.has(boardId)) return;
    this.#toRelease.add(boardId);
    void this.#register(this.#connection.client);
  }

  async #onConnect(client: Client): Promise<void> {
    client.on('notification', (notification) => this.#onNotification(notification));
    this.#registered.clear();
    this.#toRelease.clear();
    for (const boardId of this.#wanted) this.#toRegister.add(boardId);
    await this.#registering;
    await client.query(`listen ${ACCESS_CHANNEL}`);
    while (this.#toRegister.size > 0) await this.#registerBatch(client);
    const { rows } = await client.query<{ epoch: string }>('select current_epoch() as epoch');
    this.#epoch = rows[0]?.epoch ?? '';
    for (const receiver of this.#receivers) receiver.onConnected(this.#epoch);
  }

  #onNotification({ channel, payload = '' }: Notification): void {
    if (channel === ACCESS_CHANNEL) {
      const credentialIds = payload.split(',');
      for (const receiver of this.#receivers) receiver.onAccessEnded(credentialIds);
      return;
    }
    const boardId = boardOf(channel);
    if (boardId === undefined) return;
    if (payload.startsWith('[')) {
      for (const receive of this.#broadcastReceivers) receive(boardId, payload);
      return;
    }
    const head = /^\d{1,15}$/.test(payload) ? Number(payload) : undefined;
    for (const receiver of this.#receivers) receiver.onNotification(boardId, head);
  }

  /** One round trip at a time: what is asked for meanwhile goes with the next. */
  async #register(client: Client | undefined): Promise<void> {
    if (!client) return;
    this.#registering ??= this.#registerAll(client);
    await this.#registering;
  }

  async #registerAll(client: Client): Promise<void> {
    try {
      while (this.#connection.client === client && this.#toRegister.size + this.#toRelease.size > 0) {
        await this.#registerBatch(client);
      }
    } catch (error) {
      this.#connection.reconnect(client, error as Error);
    } finally {
      this.#registering = undefined;
    }
  }

  async #registerBatch(client: Client): Promise<void> {
    const register = [...this.#toRegister].slice(0, BATCH);
    const release = [...this.#toRelease].slice(0, BATCH);
    for (const boardId of register) this.#toRegister.delete(boardId);
    for (const boardId of release) this.#toRelease.delete(boardId);
    await client.query(
      [
        ...register.map((boardId) => `listen "${channelOf(boardId)}"`),
        ...release.map((boardId) => `unlisten "${channelOf(boardId)}"`),
      ].join(';'),
    );
    for (const boardId of register) this.#registered.add(boardId);
    for (const boardId of release) this.#registered.delete(boardId);
  }

  /** An answer alone does not prove that this session is still registered: a pooler may have given us another. */
  async #probe(client: Client): Promise<void> {
    const { rows } = await client.query<{ count: number }>(
      'select count(*)::int as count from pg_listening_channels()',
    );
    const registered = this.#registered.size + 1;
    if (rows[0]?.count !== registered) {
      throw new Error(`the server hears ${rows[0]?.count} channels for us instead of ${registered}`);
    }
  }
}
