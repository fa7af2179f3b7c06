// Pages of the log that replaying streams wait for: shared by all who wait for one, and read in turns of the boards.

import type { FrameBatch } from '../wire/frame-batch.ts';

export interface PageRequest {
  boardId: string;
  /** The page holds events after this one. */
  after: number;
  /** Resolves with undefined when there are none. */
  page: Promise<FrameBatch | undefined>;
  resolve: (page: FrameBatch | undefined) => void;
}

/**
 * Boards take turns, a page each: a thousand streams that read far back on one board do not keep another board's
 * single reader waiting.
 */
export class PageQueue {
  /** By board, in the order of their turns (a Map iterates in the order of insertion), and by place. */
  readonly #boards = new Map<string, Map<number, PageRequest>>();
  #size = 0;

  /** Pages that are waited for. */
  get size(): number {
    return this.#size;
  }

  /** All who ask for one page before it is taken get the same request. */
  request(boardId: string, after: number): PageRequest {
    const known = this.#boards.get(boardId)?.get(after);
    if (known) return known;
    let resolve: PageRequest['resolve'] = () => {};
    const page = new Promise<FrameBatch | undefined>((settle) => {
      resolve = settle;
    });
    const request = { boardId, after, page, resolve };
    this.#add(request);
    return request;
  }

  /**
   * Takes pages out. Who asks for one of them from now on asks anew, and gets what the log has by then.
   *
   * @param most of them
   */
  take(most: number): PageRequest[] {
    const taken: PageRequest[] = [];
    while (taken.length < most) {
      const [turn] = this.#boards;
      if (!turn) break;
      const [boardId, requests] = turn;
      this.#boards.delete(boardId);
      const [request] = requests.values();
      if (!request) continue;
      taken.push(request);
      requests.delete(request.after);
      if (requests.size > 0) this.#boards.set(boardId, requests);
    }
    this.#size -= taken.length;
    return taken;
  }

  /** Puts back what was taken and could not be read. Who has asked for the same page meanwhile gets it too. */
  putBack(taken: PageRequest[]): void {
    for (const request of taken) {
      const later = this.#boards.get(request.boardId)?.get(request.after);
      if (later) void later.page.then(request.resolve);
      else this.#add(request);
    }
  }

  #add(request: PageRequest): void {
    const requests = this.#boards.get(request.boardId) ?? new Map<number, PageRequest>();
    requests.set(request.after, request);
    this.#boards.set(request.boardId, requests);
    this.#size += 1;
  }
}
