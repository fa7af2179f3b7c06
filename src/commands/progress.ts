// How far a command is, for somebody at a terminal.

import type { Context } from './context.ts';

const WIDTH = 30;

/** Draws a bar on standard error; nothing where that is no terminal. */
export class Progress {
  readonly #errors: Context['errors'];
  readonly #what: string;

  constructor({ errors }: Pick<Context, 'errors'>, what: string) {
    this.#errors = errors;
    this.#what = what;
  }

  /** @param total undefined: nobody knows */
  show(done: number, total: number | undefined): void {
    if (!this.#errors.isTTY) return;
    const part = total === undefined || total === 0 ? 1 : Math.min(1, done / total);
    const bar = total === undefined ? '' : `[${'#'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '.')}] `;
    this.#errors.write(`\r${bar}${done.toLocaleString('en')} ${this.#what}\u001b[K`);
  }

  /** Leaves nothing of it. */
  end(): void {
    if (this.#errors.isTTY) this.#errors.write('\r\u001b[K');
  }
}
