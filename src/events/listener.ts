// Hears what Postgres announces: one dedicated connection, one channel for each board that is open on this node, and one
// for the end of sessions and tokens.

import type { Client, Notification } from 'pg';
import { Task } from '../background/task.ts';
import { type ConnectionOptions, DedicatedConnection } from '../postgres/dedicated-connection.ts';
import { Channels } from './channel.ts';

/** LISTEN statements of one round trip. */
const BATCH = 1000;

// A copy within one server has the same history as what it was copied from.
const whereSql = `
  select :schema.current_epoch() as epoch, :'schema' || '.' || oid as database
  from pg_database where datname = current_database()`;

/** Whoever acts on what is announced. Must return at once: a listener that does not read fills the server's queue. */
export interface ListenerReceiver {
  /**
   * Something happened on the board; `head` as the notification says it, undefined when it says nothing readable. A
   * hint only: anyone may NOTIFY.
   */
  onNotification?(boardId: string, head: number | undefined): void;
  /** These sessions or tokens have ended, or end sooner than they did. A hint only, of any text. */
  onAccessEnded?(grantIds: string[]): void;
  /**
   * After each (re)connect, when all wanted channels are registered. What was announced in between is lost: the
   * receiver compares the heads.
   */
  onConnected(epoch: string): void;
}

/** What one connection has registered. It dies with the connection. */
interface Session {
  client: Client;
  /** Boards whose channel the server has said to hear. */
  heard: Set<string>;
  /** The same when all that has been sent to it is answered. */
  told: Set<string>;
}

/**
 * Desired state: the boards that should be heard, and those that the present connection hears. One loop sends LISTEN and
 * UNLISTEN until the two agree, whatever changes while a statement is under way, and on whichever connection.
 */
export class Listener {
  readonly #receivers: ListenerReceiver[] = [];
  readonly #broadcastReceivers: Array<(boardId: string, payload: string) => void> = [];
  readonly #connection: DedicatedConnection;
  readonly #channels: Channels;
  readonly #agree: Task;
  /** Boards that should be heard, for the streams. */
  readonly #wanted = new Set<string>();
  /** Boards that should be heard in any case. */
  #beside: ReadonlySet<string> = new Set();
  /** Boards for which what is heard may differ from what is wanted. All others agree. */
  readonly #unsettled = new Set<string>();
  /** Told when the board is heard, or not wanted any more, or cannot be heard now. */
  readonly #waiting = new Map<string, Array<() => void>>();
  /** Undefined while there is no connection. */
  #session: Session | undefined;
  #epoch = '';
  #database: string | undefined;

  /** @param connectionString must lead to PostgreSQL itself or to a pooler in session mode */
  constructor({ connectionString, schema, log, timings }: ConnectionOptions) {
    this.#channels = new Channels(schema);
    this.#connection = new DedicatedConnection({
      connectionString,
      schema,
      timings,
      name: 'listener',
      log,
      onConnect: (client) => this.#onConnect(client),
      onLost: () => this.#onLost(),
      probe: (client) => this.#probe(client),
    });
    this.#agree = new Task({
      run: () => this.#registerBatch(),
      // The connection says it all.
      failures: { failed: () => {}, worked: () => {} },
    });
  }

  get isUp(): boolean {
    return this.#connection.client !== undefined;
  }

  /** Since the server has answered for the last time, as it is asked every few seconds. */
  get silentMs(): number {
    return this.#connection.silentMs;
  }

  /** The history that the database is in (`current_epoch` of postgres/migrations), as of the last (re)connect; empty before the first. */
  get epoch(): string {
    return this.#epoch;
  }

  /**
   * Tells the tables that this node works on from those of a copy of them, unless it was copied with the whole server
   * and not promoted; undefined before the first connect.
   */
  get database(): string | undefined {
    return this.#database;
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
    await Promise.all([this.#agree.stop(), this.#connection.stop()]);
  }

  /**
   * Resolves when the board's channel is registered: what commits after that is announced here. While the connection
   * is down it resolves at once; the board is then heard from the next `onConnected` on.
   *
   * @throws TypeError when `boardId` is no UUID in lower case
   */
  async listen(boardId: string): Promise<void> {
    this.#channels.ofBoard(boardId);
    this.#wanted.add(boardId);
    this.#settle(boardId);
    await this.#untilSettled(boardId);
  }

  unlisten(boardId: string): void {
    this.#wanted.delete(boardId);
    this.#settle(boardId);
  }

  /**
   * Beside those of the streams, and in place of those of the last call. Nobody is told when they are registered: whoever
   * calls looks now and then.
   *
   * @throws TypeError when one is no UUID in lower case
   */
  listenBeside(boardIds: ReadonlySet<string>): void {
    for (const boardId of boardIds) this.#channels.ofBoard(boardId);
    const before = this.#beside;
    this.#beside = boardIds;
    for (const boardId of boardIds) if (!before.has(boardId)) this.#settle(boardId);
    for (const boardId of before) if (!boardIds.has(boardId)) this.#settle(boardId);
  }

  #isWanted(boardId: string): boolean {
    return this.#wanted.has(boardId) || this.#beside.has(boardId);
  }

  #settle(boardId: string): void {
    this.#unsettled.add(boardId);
    this.#agree.wake();
  }

  /** And will be: an UNLISTEN under way counts from when it was sent. */
  #isHeard(boardId: string): boolean {
    return this.#session?.heard.has(boardId) === true && this.#session.told.has(boardId);
  }

  async #untilSettled(boardId: string): Promise<void> {
    if (!this.#session || this.#isHeard(boardId)) return;
    await new Promise<void>((resolve) => {
      const waiting = this.#waiting.get(boardId);
      if (waiting) waiting.push(resolve);
      else this.#waiting.set(boardId, [resolve]);
    });
  }

  async #onConnect(client: Client): Promise<void> {
    client.on('notification', (notification) => this.#onNotification(notification));
    await client.query(`listen "${this.#channels.access}"`);
    this.#session = { client, heard: new Set(), told: new Set() };
    const wanted = new Set([...this.#wanted, ...this.#beside]);
    for (const boardId of wanted) this.#unsettled.add(boardId);
    this.#agree.hurry();
    // What is opened from here on waits for its own channel, and reads its head after that.
    await Promise.all([...wanted].map((boardId) => this.#untilSettled(boardId)));
    const { rows } = await client.query<{ epoch: string; database: string }>(whereSql);
    const [{ epoch, database } = { epoch: '', database: '' }] = rows;
    this.#epoch = epoch;
    this.#database = `${epoch}.${database}`;
    for (const receiver of this.#receivers) receiver.onConnected(this.#epoch);
  }

  #onLost(): void {
    this.#session = undefined;
    for (const boardId of [...this.#waiting.keys()]) this.#tellSettled(boardId);
  }

  #onNotification({ channel, payload = '' }: Notification): void {
    if (channel === this.#channels.access) {
      const grantIds = payload.split(',');
      for (const receiver of this.#receivers) receiver.onAccessEnded?.(grantIds);
      return;
    }
    const boardId = this.#channels.boardOf(channel);
    if (boardId === undefined) return;
    if (payload.startsWith('[')) {
      for (const receive of this.#broadcastReceivers) receive(boardId, payload);
      return;
    }
    const head = /^\d{1,15}$/.test(payload) ? Number(payload) : undefined;
    for (const receiver of this.#receivers) receiver.onNotification?.(boardId, head);
  }

  async #registerBatch(): Promise<number | undefined> {
    const session = this.#session;
    // The next connection begins with all that is wanted.
    if (!session) return;
    const batch = [...this.#unsettled].slice(0, BATCH);
    for (const boardId of batch) this.#unsettled.delete(boardId);
    const register = batch.filter((boardId) => this.#isWanted(boardId) && !session.heard.has(boardId));
    const release = batch.filter((boardId) => !this.#isWanted(boardId) && session.heard.has(boardId));
    try {
      await this.#send(session, register, release);
    } catch (error) {
      for (const boardId of batch) this.#unsettled.add(boardId);
      this.#connection.reconnect(session.client, error as Error);
      throw error;
    }
    if (session === this.#session) for (const boardId of batch) this.#tellSettled(boardId);
    return this.#unsettled.size > 0 ? 0 : undefined;
  }

  /** One round trip. */
  async #send({ client, heard, told }: Session, register: string[], release: string[]): Promise<void> {
    if (register.length + release.length === 0) return;
    for (const boardId of register) told.add(boardId);
    for (const boardId of release) told.delete(boardId);
    await client.query(
      [
        ...register.map((boardId) => `listen "${this.#channels.ofBoard(boardId)}"`),
        ...release.map((boardId) => `unlisten "${this.#channels.ofBoard(boardId)}"`),
      ].join(';'),
    );
    for (const boardId of register) heard.add(boardId);
    for (const boardId of release) heard.delete(boardId);
  }

  /** Not when it has become unsettled again meanwhile: the next round trip tells. */
  #tellSettled(boardId: string): void {
    if (this.#session && this.#isWanted(boardId) && !this.#isHeard(boardId)) return;
    for (const resolve of this.#waiting.get(boardId) ?? []) resolve();
    this.#waiting.delete(boardId);
  }

  /**
   * An answer alone does not prove that this session is still registered: a pooler may have given us another. And a
   * number alone does not prove which channels they are. One text of 10,000 names is read in a few milliseconds.
   */
  async #probe(client: Client): Promise<void> {
    // Statements of a connection are answered in turn: this one after all that was sent before.
    const told = [...(this.#session?.told ?? [])].map((boardId) => this.#channels.ofBoard(boardId));
    const expected = new Set(told).add(this.#channels.access);
    const { rows } = await client.query<{ names: string | null }>(
      `select string_agg(name, ',') as names from pg_listening_channels() name`,
    );
    const heard = rows[0]?.names?.split(',') ?? [];
    const foreign = heard.find((name) => !expected.delete(name));
    const [missing] = expected;
    if (missing !== undefined) throw new Error(`the server does not hear ${missing} for us any more`);
    if (foreign !== undefined) throw new Error(`the server hears ${foreign} for us, which nobody has asked for`);
  }
}
