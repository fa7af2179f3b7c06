// A writer beside the API that means no good: rows that no client could be shown, and rows at the edge of what it could.

import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import type { Figures } from '../figures.ts';
import type { Random } from '../random.ts';
import type { Ledger } from '../rules/ledger.ts';
import type { Violations } from '../violations.ts';
import type { SoakBoard } from '../world/boards.ts';
import type { SteadyClient } from '../world/steady-client.ts';
import { Routine } from './routine.ts';

const PACE_MS = 1500;
const RETRY_MS = 500;
const MOST_ITEMS = 8;
/** Of PostgreSQL: a constraint, a value or a number that is out of range, a limit of ours. */
const REFUSED = /^(22|23|54|TB)/;

interface HostileRow {
  name: string;
  /** What the API would refuse too. */
  isRefused: boolean;
  /** Columns beside the board. */
  row: Record<string, string | number>;
}

const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
const rows: HostileRow[] = [
  { name: 'nested 6,000 deep', isRefused: true, row: { text: 'deep', data: nested(6000) } },
  { name: 'nested 150 deep', isRefused: true, row: { text: 'deep', data: nested(150) } },
  { name: 'a number that is infinite to a double', isRefused: true, row: { text: 'n', data: '{"n":1e500}' } },
  { name: 'a number that no double keeps', isRefused: true, row: { text: 'n', data: '{"n":12345678901234567890}' } },
  { name: 'data of 1 MiB', isRefused: true, row: { text: 'wide', data: `{"a":"${'x'.repeat(2 ** 20)}"}` } },
  { name: 'text of 1 MiB', isRefused: true, row: { text: 'x'.repeat(2 ** 20) } },
  { name: 'data that is no object', isRefused: true, row: { text: 'list', data: '[1]' } },
  { name: 'x that is no number', isRefused: true, row: { text: 'x', x: 'NaN' } },
  { name: 'y that is infinite', isRefused: true, row: { text: 'y', y: '-Infinity' } },
  { name: 'a member that is a prototype', isRefused: true, row: { text: 'p', data: '{"__proto__":{"a":1}}' } },
  { name: 'nested 90 deep', isRefused: false, row: { text: 'deep', data: nested(90) } },
  { name: 'a text of 10,000 line breaks', isRefused: false, row: { text: '\r\n'.repeat(5000) } },
  {
    name: 'what ends a line elsewhere',
    isRefused: false,
    row: { text: '\u2028\u0085\ufeff\u200b"\\', data: '{"\\n":"\\r"}' },
  },
  {
    name: 'large and small numbers',
    isRefused: false,
    row: { text: 'n', x: 1e300, data: '{"n":[1e300,-0,1e-300,0.1]}' },
  },
  { name: '1,000 members', isRefused: false, row: { text: 'm', data: members(1000) } },
];

/** Unknown: the database was away. */
type Outcome = { isTaken: boolean; why: string; ids: string[] } | 'unknown';

export interface HostileWriterOptions {
  board: SoakBoard;
  client: SteadyClient;
  random: Random;
  ledger: Ledger;
  figures: Figures;
  violations: Violations;
}

export class HostileWriter extends Routine {
  readonly #options: HostileWriterOptions;
  readonly #ids: string[] = [];
  #count = 0;

  constructor(options: HostileWriterOptions) {
    super();
    this.#options = options;
  }

  describe(): string {
    return `the hostile writer of ${this.#options.board.name}, at row ${this.#count}`;
  }

  protected pauseMs(): number {
    return PACE_MS * this.#options.random.between(0.5, 1.5);
  }

  protected async turn(): Promise<void> {
    if (!(await this.#write(this.#options.random.pick(rows)))) await delay(RETRY_MS);
  }

  /** @returns false when the database is away */
  async #write({ name, isRefused, row }: HostileRow): Promise<boolean> {
    const { board, figures, violations } = this.#options;
    const columns = Object.keys(row);
    const places = columns.map((_, index) => `$${index + 2}`);
    const statement = `insert into teamboard.items (board_id, ${columns.join(', ')}) values ($1, ${places.join(', ')}) returning id`;
    const outcome = await this.#transact(statement, [board.id, ...Object.values(row)], 1);
    if (outcome === 'unknown') return false;
    figures.count('hostile rows', outcome.isTaken ? 'taken' : 'refused');
    if (outcome.isTaken && isRefused) violations.add('the table refuses what the API refuses', name);
    if (!outcome.isTaken && !isRefused) violations.add('the table takes what the API takes', `${name}: ${outcome.why}`);
    this.#ids.push(...outcome.ids);
    return this.#ids.length < MOST_ITEMS || this.#removeAll();
  }

  /** Each of them is told once more by that. */
  async #removeAll(): Promise<boolean> {
    const ids = this.#ids.splice(0);
    return (await this.#transact('delete from teamboard.items where id = any($1)', [ids], ids.length)) !== 'unknown';
  }

  async #transact(statement: string, values: unknown[], events: number): Promise<Outcome> {
    const { board, client, ledger } = this.#options;
    this.#count += 1;
    const mutation = ledger.begin(`hostile/${board.name.replaceAll(' ', '-')}/${this.#count}`, board.id, events);
    let connection: ClientBase | undefined;
    let isSent = false;
    try {
      connection = await client.connect();
      await connection.query('begin');
      await connection.query(`select set_config('teamboard.mutation_id', $1, true)`, [mutation.id]);
      const { rows: written } = await connection.query<{ id: string }>(statement, values);
      isSent = true;
      await connection.query('commit');
      ledger.acknowledge(mutation);
      return { isTaken: true, why: '', ids: written.map(({ id }) => id) };
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      await connection?.query('rollback').catch(() => {});
      const isRefusal = REFUSED.test(code);
      // After the commit has been sent, an error may have come before it or after it.
      if (isSent && !isRefusal) ledger.retry(mutation);
      else ledger.refuse(mutation);
      return isRefusal ? { isTaken: false, why: `${code} ${message}`, ids: [] } : 'unknown';
    }
  }
}

function members(count: number): string {
  return `{${Array.from({ length: count }, (_, index) => `"${index}":0`).join()}}`;
}
