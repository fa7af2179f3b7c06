// A connection to PostgreSQL for those who watch or write beside the nodes: opened again whenever it is lost.

import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import pg from 'pg';

const RETRY_MS = 200;
const ANSWER_MS = 30_000;

export class SteadyClient {
  readonly #connectionString: string;
  readonly #name: string;
  /** A connection is used by one at a time, also where several share it. */
  readonly #turns = pLimit(1);
  #client: pg.Client | undefined;
  #isEnded = false;

  constructor(connectionString: string, name: string) {
    this.#connectionString = connectionString;
    this.#name = name;
  }

  /** @throws the error of the connection or of the statement; the next call opens another connection if need be */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.#turns(async () => {
      const client = await this.connect();
      const { rows } = await client.query<Row>(text, values);
      return rows;
    });
  }

  /**
   * For a transaction, which ends with its connection: what comes after on another one is in none, and the server
   * answers its `commit` with success.
   */
  async connect(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    if (this.#isEnded) throw new Error('ended');
    const client = new pg.Client({
      connectionString: this.#connectionString,
      application_name: this.#name,
      connectionTimeoutMillis: 3000,
      query_timeout: ANSWER_MS,
    });
    const forget = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    await client.connect();
    this.#client = client;
    return client;
  }

  /** Tries until it succeeds. For reads only: a statement whose answer was lost is sent again. */
  async ask<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    for (;;) {
      try {
        return await this.query<Row>(text, values);
      } catch (error) {
        if (this.#isEnded) throw error;
        await delay(RETRY_MS);
      }
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    const client = this.#client;
    this.#client = undefined;
    await Promise.race([client?.end().catch(() => {}), delay(500)]);
  }
}
