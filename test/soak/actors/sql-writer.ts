// A writer that knows no API: another service, which writes several rows in a transaction of its own: items, or rows of a
// table of its own that is published.

import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import type { Random } from '../random.ts';
import type { Ledger, Mutation } from '../rules/ledger.ts';
import type { SoakBoard } from '../world/boards.ts';
import { soakTable } from '../world/published-table.ts';
import type { SteadyClient } from '../world/steady-client.ts';
import { Routine } from './routine.ts';

const RETRY_MS = 300;
const MOST_ROWS = 6;
const MOST_ITEMS = 20;

export interface SqlWriterOptions {
  name: string;
  board: SoakBoard;
  client: SteadyClient;
  random: Random;
  ledger: Ledger;
}

export class SqlWriter extends Routine {
  readonly #options: SqlWriterOptions;
  #count = 0;

  constructor(options: SqlWriterOptions) {
    super();
    this.#options = options;
  }

  describe(): string {
    return `${this.#options.name}, at transaction ${this.#count}`;
  }

  protected pauseMs(): number {
    const { board, random } = this.#options;
    // A transaction is several events.
    return board.paceMs * random.between(1, 4);
  }

  protected async turn(): Promise<void> {
    if (!(await this.#write())) await delay(RETRY_MS);
  }

  /** @returns false when the database is away */
  async #write(): Promise<boolean> {
    const { board, client, random, ledger } = this.#options;
    const { id, statement, values, events } = await this.#choose();
    if (events === 0) return true;
    const mutation = ledger.begin(id, board.id, events);
    const connection = await client.connect().catch(() => undefined);
    try {
      if (!connection) throw new Error('no connection');
      await connection.query('begin');
      await connection.query(`select set_config('teamboard.mutation_id', $1, true)`, [mutation.id]);
      await connection.query(statement, values);
      if (random.chance(0.03)) {
        await connection.query('rollback');
        ledger.refuse(mutation);
        return true;
      }
    } catch {
      ledger.refuse(mutation);
      await connection?.query('rollback').catch(() => {});
      return false;
    }
    return this.#commit(mutation, connection);
  }

  async #commit(mutation: Mutation, connection: ClientBase): Promise<boolean> {
    const { ledger } = this.#options;
    try {
      await connection.query('commit');
      ledger.acknowledge(mutation);
      return true;
    } catch {
      // It may have been committed: the ledger keeps it open.
      ledger.retry(mutation);
      return false;
    }
  }

  async #choose(): Promise<{ id: string; statement: string; values: unknown[]; events: number }> {
    const { name, board, client, random } = this.#options;
    this.#count += 1;
    const id = `${name}/${this.#count}`;
    const table = random.chance(0.4) ? `public.${soakTable}` : 'teamboard.items';
    const own = await client
      .query<{ id: string }>(`select id from ${table} where board_id = $1 and text like $2 order by id`, [
        board.id,
        `${name} %`,
      ])
      .catch(() => []);
    const ids = own.map((item) => item.id);
    if (ids.length > MOST_ITEMS) {
      return { id, statement: `delete from ${table} where id = any($1)`, values: [ids], events: ids.length };
    }
    if (ids.length > 0 && random.chance(0.4)) {
      const chosen = ids.slice(0, random.whole(1, MOST_ROWS));
      const statement = `update ${table} set text = $2 where id = any($1)`;
      return { id, statement, values: [chosen, `${name} ${this.#count} again`], events: chosen.length };
    }
    const texts = Array.from({ length: random.whole(1, MOST_ROWS) }, (_, row) => `${name} ${this.#count} ${row}`);
    const statement = `insert into ${table} (board_id, text) select $1, unnest($2::text[])`;
    return { id, statement, values: [board.id, texts], events: texts.length };
  }
}
