// What a stream of many boards tells of each of them, as the stream of that board alone would have told it.

import type { ReceivedFrame } from './event-stream.ts';

export interface BoardFrame extends ReceivedFrame {
  /** Undefined when the frame does not say so. */
  boardId: string | undefined;
}

export interface ReadyBoard {
  boardId: string;
  cursor: string;
  resumedFrom?: string;
  refused?: 404 | 429;
}

/** Over one connection. The `id:` of such a stream is one for all boards; here each frame has the cursor of its board. */
export class BoardFrames {
  /** What precedes the number in the cursors of a board. */
  readonly #epochs = new Map<string, string>();
  /** Those that a `close` of the whole stream closes. */
  #open: Set<string>;
  readonly #isDue: (board: ReadyBoard) => boolean;

  /**
   * @param named by the request
   * @param isDue whether a board that `ready` names is told a reset or snapshot first, as the request was
   */
  constructor(named: readonly string[], isDue: (board: ReadyBoard) => boolean) {
    this.#open = new Set(named);
    this.#isDue = isDue;
  }

  /** @returns one frame, and of `ready` and `close` one for each board that they are about */
  split({ event, id, data }: ReceivedFrame): BoardFrame[] {
    // A snapshot is what the board itself gives.
    const { boardId } = event === 'snapshot' ? { boardId: data.board?.id } : data;
    if (event === 'ready') return this.#splitReady(data);
    if (event === 'close') {
      const closed = boardId === undefined ? [...this.#open] : [boardId];
      for (const board of closed) this.#open.delete(board);
      return closed.map((board) => ({ boardId: board, event, id, data }));
    }
    const { seq, cursor } = data as { seq?: number; cursor?: string };
    // A client of a library takes the last id for that of a frame that has none.
    const isPlace = id !== undefined && (seq ?? cursor) !== undefined && event !== 'heartbeat';
    return [{ boardId, event, id: isPlace ? this.#cursor(boardId, data) : id, data }];
  }

  #splitReady({ boards, ...rest }: { boards: ReadyBoard[] }): BoardFrame[] {
    const accepted = boards.filter(({ refused }) => refused === undefined);
    this.#open = new Set(accepted.map(({ boardId }) => boardId));
    return accepted.map((board) => {
      const { boardId, cursor, resumedFrom } = board;
      this.#epochs.set(boardId, epochOf(resumedFrom ?? cursor));
      const id = this.#isDue(board) ? undefined : (resumedFrom ?? cursor);
      return { boardId, event: 'ready', id, data: { ...rest, ...board } };
    });
  }

  #cursor(boardId: string, { cursor, seq }: { cursor?: string; seq?: number }): string {
    // A reset or a snapshot, which may begin another history.
    if (cursor !== undefined) this.#epochs.set(boardId, epochOf(cursor));
    return cursor ?? `${this.#epochs.get(boardId)}-${seq}`;
  }
}

function epochOf(cursor: string): string {
  return cursor.slice(0, cursor.indexOf('-'));
}
