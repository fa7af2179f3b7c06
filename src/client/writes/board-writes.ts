// What a page writes on one board, and takes back.

import type { Item } from '../types.ts';
import { inBatches } from './batches.ts';
import { type Direction, type History, noHistory, plan, record, rename, settle, stepOf, turn } from './history.ts';
import type { BoardWrites, Fields, Made, NewOperation, Undone, WriteOptions } from './offered.ts';
import type { Operation } from './write.ts';

/** How the writes of one board reach those of all boards. */
export interface Core {
  readonly newId: () => string;
  /** @returns the board's items, as they are shown with all writes up to now */
  view(boardId: string): ReadonlyMap<string, Item>;
  add(boardId: string, operations: readonly Operation[]): Made;
}

export class OneBoard implements BoardWrites {
  readonly #core: Core;
  readonly #boardId: string;
  readonly #onHistory: () => void;
  #history: History = noHistory;

  /** @param onHistory called when there is something else to undo or to redo */
  constructor(core: Core, boardId: string, onHistory: () => void) {
    this.#core = core;
    this.#boardId = boardId;
    this.#onHistory = onHistory;
  }

  create(item: Fields & { text: string; id?: string }, { gesture }: Pick<WriteOptions, 'gesture'> = {}): Made {
    const { id, ...fields } = item;
    return this.write([{ op: 'create', item: fields, ...(id !== undefined && { id }) }], gesture);
  }

  update(id: string, patch: Fields, { ifMatch, gesture }: WriteOptions = {}): Made {
    return this.write([{ op: 'update', id, item: patch, ...(ifMatch !== undefined && { ifMatch }) }], gesture);
  }

  delete(id: string, { ifMatch, gesture }: WriteOptions = {}): Made {
    return this.write([{ op: 'delete', id, ...(ifMatch !== undefined && { ifMatch }) }], gesture);
  }

  write(operations: readonly NewOperation[], gesture?: string): Made {
    const [made, view, own] = this.#add(operations.map((one) => ({ id: this.#core.newId(), ...one })));
    this.#setHistory(record(this.#history, stepOf(own, view, made.key, gesture)));
    return made;
  }

  get canUndo(): boolean {
    return this.#history.undo.length > 0;
  }

  get canRedo(): boolean {
    return this.#history.redo.length > 0;
  }

  undo(): Undone | undefined {
    return this.#turn('undo');
  }

  redo(): Undone | undefined {
    return this.#turn('redo');
  }

  /** A write has an outcome: what was not done is not taken back. */
  settle(key: string, isDone: boolean): void {
    this.#history = settle(this.#history, key, isDone);
  }

  #turn(from: Direction): Undone | undefined {
    const step = this.#history[from].at(-1);
    if (!step) return undefined;
    const { operations, skipped } = plan(step, this.#core.view(this.#boardId));
    const ids = new Map<string, string>();
    const renewed = operations.map((one) => {
      if (one.op !== 'create') return one;
      const id = this.#core.newId();
      ids.set(one.id, id);
      return { ...one, id };
    });
    const all = inBatches(renewed).map((batch) => this.#add(batch));
    const parts = all.flatMap(([made, view, own]) => stepOf(own, view, made.key).parts);
    const [made] = all.length > 1 ? [together(all.map(([one]) => one))] : (all[0] ?? []);
    // Without a name they would be steps of their own, as soon as one of them is done.
    this.#setHistory(turn(rename(this.#history, ids), from, { gesture: made?.key, parts }));
    return { made, skipped };
  }

  /** @returns what was made, the items before it, and the operations: copies, whatever the page does with its objects */
  #add(operations: readonly Operation[]): [Made, ReadonlyMap<string, Item>, readonly Operation[]] {
    const view = this.#core.view(this.#boardId);
    const copies = JSON.parse(JSON.stringify(operations)) as Operation[];
    // As events spell it.
    const own = copies.map((one) => ({ ...one, id: one.id.toLowerCase() }));
    return [this.#core.add(this.#boardId, own), view, own];
  }

  #setHistory(history: History): void {
    this.#history = history;
    this.#onHistory();
  }
}

/** @returns several writes as one: done when all are */
function together(all: readonly Made[]): Made {
  const settled = Promise.all(all.map((made) => made.settled)).then(
    (outcomes) => outcomes.find(({ status }) => status !== 'done') ?? ({ status: 'done' } as const),
  );
  return { key: all[0]?.key ?? '', ids: all.flatMap(({ ids }) => ids), settled };
}
