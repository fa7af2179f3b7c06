// Bulkheads between the boards of a node: a board whose writes are held up takes only so many connections.

import { Turns } from '../background/turns.ts';
import { unavailable } from '../problems/problem.ts';

/** Of the pool's ten connections. Commits of one board take turns in PostgreSQL anyway: its head is one row. */
const WRITES_PER_BOARD = 4;
const WAIT_MS = 2000;

/**
 * While somebody holds a lock on a board, each of its writes keeps a connection until its lock timeout. Unbounded, they
 * keep the whole pool, and requests for all other boards wait with them (E5).
 */
export class WriteTurns {
  readonly #boards = new Turns(WRITES_PER_BOARD);

  /**
   * Does the work when the board has a turn for it, first come, first served.
   *
   * @throws Problem TB_UNAVAILABLE when there was none within 2 s; the work is then never done
   */
  async take<Result>(boardId: string, work: () => Promise<Result>): Promise<Result> {
    const { promise: tooLate, cancel, signal } = rejectAfter(WAIT_MS);
    const turn = this.#boards.take(boardId, async () => {
      signal.throwIfAborted();
      cancel();
      return work();
    });
    return Promise.race([turn, tooLate]);
  }
}

function rejectAfter(ms: number) {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(unavailable('This board is busy. Try again in a moment.')), ms);
  const promise = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return { promise, signal, cancel: () => clearTimeout(timer) };
}
