// One connection outside the pool that is kept alive for ever, for what belongs to a session: LISTEN, and NOTIFY.

import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Backoff, drawBackoffMs } from '../background/backoff.ts';
import type { Logger } from '../logging/logger.ts';
import type { Timings } from '../timings.ts';
import { connectionOptions } from './address.ts';
import { isUnavailable } from './database-problem.ts';
import { clientOfSchema } from './schema-client.ts';
import { directSettings, stateSettings } from './session-settings.ts';

const CONNECT_TIMEOUT_MS = 3000;
const BACKOFF: Backoff = { firstMs: 100, lastMs: 10_000 };

export interface ConnectionOptions {
  /** Must lead to PostgreSQL itself or to a pooler in session mode. */
  connectionString: string;
  /** Which has our tables. */
  schema: string;
  log: Logger;
  timings: Timings['connections'];
}

export interface DedicatedConnectionOptions extends ConnectionOptions {
  /** Shown in pg_stat_activity and in the log. */
  name: string;
  /** Called with each new connection before it counts as up; a rejection drops it and connects again. */
  onConnect: (client: pg.Client) => Promise<void>;
  /** Called when a connection is of no use any more that `onConnect` was called with. */
  onLost?: () => void;
  /** Called now and then; a rejection, or no answer in time, drops the connection. */
  probe: (client: pg.Client) => Promise<void>;
}

/**
 * node-postgres alone does not notice a half-open connection (70 s and counting, when it was tried): a probe does,
 * in at most 7 s, as timings are. A lost connection is opened again for ever, after 0.1 s at first and 10 s at most, with jitter so
 * that the nodes do not come back to a restarted database in one instant.
 */
export class DedicatedConnection {
  readonly #options: DedicatedConnectionOptions;
  readonly #Client: typeof pg.Client;
  readonly #stopping = new AbortController();
  #client: pg.Client | undefined;
  /** The one that is up or on its way, and what drops it. */
  #current: { client: pg.Client; drop: (error: Error) => void } | undefined;
  #started: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;
  #toldRefusal = false;
  #answeredAt = performance.now();

  constructor(options: DedicatedConnectionOptions) {
    this.#options = options;
    this.#Client = clientOfSchema(options.schema);
  }

  /** The connection, while it is up. */
  get client(): pg.Client | undefined {
    return this.#client;
  }

  /** Since the server has answered for the last time; at first, since the process has waited for it. */
  get silentMs(): number {
    return performance.now() - this.#answeredAt;
  }

  /** Resolves when the connection was up for the first time, however long that takes, or when it was stopped. */
  start(): Promise<void> {
    this.#started ??= new Promise((resolve) => {
      this.#running = this.#keepConnected(resolve).finally(resolve);
    });
    return this.#started;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#current?.drop(new Error('stopped'));
    await this.#running;
  }

  /** Drops the connection, and opens another. For whoever learns that this one does not work. */
  reconnect(client: pg.Client, reason: Error): void {
    if (this.#current?.client === client) this.#current.drop(reason);
  }

  async #keepConnected(onFirst: () => void): Promise<void> {
    const { name, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const error = await this.#connectOnce(onFirst);
      if (this.#stopping.signal.aborted) return;
      const retryInMs = drawBackoffMs(this.#failures, BACKOFF);
      const told = { connection: name, reason: error.message, retryInMs };
      // The outage passes by itself. What somebody has to mend before it can, is told in the middle of it too.
      const isNews = isRefusal(error) && !this.#toldRefusal;
      if (this.#failures === 0) log.warn(told, 'connection lost');
      else if (isNews) log.warn(told, 'the database is there, and refuses the connection');
      this.#toldRefusal ||= isNews;
      this.#failures += 1;
      await delay(retryInMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  /** @returns what ended the connection */
  async #connectOnce(onUp: () => void): Promise<Error> {
    // A socket of our own: client.end() waits for the peer, which a half-open connection does not have.
    const socket = new Socket();
    const { probeMs, answerMs } = this.#options.timings;
    const client = new this.#Client({
      ...connectionOptions(this.#options.connectionString),
      application_name: `teamboard ${this.#options.name}`,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: answerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: probeMs,
      stream: () => socket,
    });
    const { promise: lost, resolve: lose } = withResolvers<Error>();
    this.#current = { client, drop: lose };
    client.on('error', lose);
    client.on('end', () => lose(new Error('the server ended the connection')));
    try {
      await Promise.race([this.#setUp(client), rejectWith(lost)]);
      this.#client = client;
      this.#answeredAt = performance.now();
      this.#reportUp();
      onUp();
      return await this.#probeUntil(lost, client);
    } catch (error) {
      return error as Error;
    } finally {
      this.#client = undefined;
      this.#current = undefined;
      this.#options.onLost?.();
      if (this.#stopping.signal.aborted) await Promise.race([client.end().catch(() => {}), delay(500)]);
      socket.destroy();
    }
  }

  async #setUp(client: pg.Client): Promise<void> {
    await client.connect();
    await stateSettings(client, directSettings);
    await this.#options.onConnect(client);
  }

  async #probeUntil(lost: Promise<Error>, client: pg.Client): Promise<Error> {
    const ended = new AbortController();
    void lost.then(() => ended.abort());
    while (!ended.signal.aborted) {
      await delay(this.#options.timings.probeMs, undefined, { signal: ended.signal }).catch(() => {});
      // Settles within its time limit, also when the connection is lost meanwhile. (To race it against `lost` would
      // leave a reaction on that promise every five seconds, for as long as the connection lasts.)
      if (ended.signal.aborted) break;
      await this.#options.probe(client);
      this.#answeredAt = performance.now();
    }
    return lost;
  }

  #reportUp(): void {
    if (this.#failures > 0) {
      this.#options.log.info({ connection: this.#options.name, afterFailures: this.#failures }, 'connection is back');
    }
    this.#failures = 0;
    this.#toldRefusal = false;
  }
}

/** @returns true for what the server says of a wrong password, a missing grant and the like */
function isRefusal(error: Error): boolean {
  return error instanceof pg.DatabaseError && !isUnavailable(error);
}

async function rejectWith(lost: Promise<Error>): Promise<never> {
  throw await lost;
}

// Promise.withResolvers comes with Node 22.
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
