// What a person does on a board: which notes are chosen, and what is done with them. The views only call this.

import { computed, effect, type ReadonlySignal, signal } from '@preact/signals-core';
import type { Board, Item } from '../../client/types.ts';
import { inBatches } from '../../client/writes/batches.ts';
import { MAX_OPERATIONS } from '../../client/writes/history.ts';
import type { Fields, NewOperation } from '../../client/writes/offered.ts';
import { isHarmless } from '../state/conflicts.ts';
import { newId } from '../state/new-id.ts';
import type { OpenBoard } from '../state/open-board.ts';
import { Editing } from './editing.ts';
import type { Color } from './palette.ts';
import { freePlace, type Point } from './place.ts';

/** The board as it was. */
export interface Past {
  readonly board: Board;
  readonly items: ReadonlyMap<string, Item>;
}

export class BoardModel {
  readonly board: OpenBoard;
  readonly editing: Editing;
  readonly items: ReadonlySignal<ReadonlyMap<string, Item>>;
  /** Name and layout of what is shown; undefined until it is. */
  readonly about: ReadonlySignal<Board | undefined>;
  /** Those of them that are still there. */
  readonly selected: ReadonlySignal<ReadonlySet<string>>;
  /** Whether the user may change something. */
  readonly canWrite: ReadonlySignal<boolean>;
  readonly isOwner: ReadonlySignal<boolean>;
  /** Whether there is nothing yet that somebody may begin with. */
  readonly isEmpty: ReadonlySignal<boolean>;
  /** What is shown in place of the board as it is, to be looked at alone; undefined: the board as it is. */
  readonly past = signal<Past | undefined>(undefined);
  /** Of the next note. */
  readonly color = signal<Color>('yellow');
  /** One line about what was done, for whoever cannot see it. */
  readonly said = signal('');
  readonly #chosen = signal<ReadonlySet<string>>(new Set());
  readonly #end: () => void;

  constructor(board: OpenBoard) {
    this.board = board;
    this.items = computed(() => (this.past.value ?? board.state.value).items);
    this.about = computed(() => this.past.value?.board ?? board.about.value);
    const members = computed(() => board.state.value.members);
    const role = computed(() => members.value.find(({ user }) => user.id === board.me.id)?.role);
    // Who is let in without a membership, by a token of an application, is told by the server what may not be.
    this.canWrite = computed(
      () => board.status.value.name !== 'ended' && role.value !== 'viewer' && this.past.value === undefined,
    );
    this.isOwner = computed(() => role.value === 'owner');
    this.isEmpty = computed(
      () => this.canWrite.value && board.about.value !== undefined && this.items.value.size === 0,
    );
    this.selected = computed(() => {
      const chosen = this.#chosen.value;
      const ids = [...chosen].filter((id) => this.items.value.has(id));
      // The same one while nothing is gone: what shows it is not drawn anew.
      return ids.length === chosen.size ? chosen : new Set(ids);
    });
    this.editing = new Editing(board, this.items);
    this.#end = effect(() => {
      const harmless = board.writes.value.undecided.filter((each) => each.boardId === board.id && isHarmless(each));
      // Not in the middle of being told of it.
      for (const { key } of harmless) queueMicrotask(() => board.decide(key, 'mine'));
    });
  }

  select(ids: Iterable<string>): void {
    this.#chosen.value = new Set(ids);
  }

  toggle(id: string): void {
    const chosen = new Set<string>(this.#chosen.value);
    if (!chosen.delete(id)) chosen.add(id);
    this.#chosen.value = chosen;
  }

  /**
   * @param at where it is to lie, or near there, where no other one lies
   * @returns the id of the new note, which is being written from now on
   */
  add({ x, y }: Point): string | undefined {
    if (!this.canWrite.value) return undefined;
    const place = freePlace({ x: Math.round(x), y: Math.round(y) }, [...this.items.value.values()]);
    const gesture = newId();
    const [id = ''] = this.board.edit.create({ text: '', color: this.color.value, ...place }, { gesture }).ids;
    this.select([id]);
    this.editing.start(id, gesture);
    return id;
  }

  /** Writes that belong to one gesture are taken back together. */
  update(patches: ReadonlyMap<string, Fields>, gesture?: string): void {
    if (!this.canWrite.value) return;
    const operations = [...patches].flatMap(([id, item]): NewOperation[] =>
      this.items.value.has(id) ? [{ op: 'update', id, item }] : [],
    );
    this.#write(operations, gesture);
  }

  recolor(color: Color): void {
    this.color.value = color;
    const ids = [...this.selected.value].filter((id) => this.items.value.get(id)?.color !== color);
    this.update(new Map(ids.map((id) => [id, { color }])));
    if (ids.length > 0) this.said.value = `${count(ids.length)} now ${color}.`;
  }

  nudge({ x, y }: Point): void {
    const patches = [...this.selected.value].flatMap((id): Array<[string, Fields]> => {
      const item = this.items.value.get(id);
      return item ? [[id, { x: item.x + x, y: item.y + y }]] : [];
    });
    this.update(new Map(patches));
  }

  remove(ids: Iterable<string> = this.selected.value): void {
    if (!this.canWrite.value) return;
    const operations = [...ids].map((id): NewOperation => ({ op: 'delete', id }));
    this.#write(operations);
    if (operations.length > 0) this.said.value = `${count(operations.length)} deleted. Undo brings it back.`;
  }

  /** @param notes that are written as new ones, and chosen then: as many as one undo takes back */
  paste(notes: ReadonlyArray<Fields & { text: string }>): void {
    if (!this.canWrite.value || notes.length === 0) return;
    const taken = notes.slice(0, MAX_OPERATIONS);
    const operations = taken.map((item): NewOperation => ({ op: 'create', id: newId(), item }));
    this.#write(operations);
    this.select(operations.map(({ id = '' }) => id));
    const left =
      notes.length > taken.length ? ` Not all of it: ${notes.length - taken.length} are too many. Import them.` : '';
    this.said.value = `${count(operations.length)} pasted.${left}`;
  }

  undo(): void {
    if (!this.canWrite.value) return;
    const skipped = this.board.edit.undo()?.skipped ?? [];
    if (skipped.length > 0) this.said.value = 'Some of it stays: somebody else has changed it since.';
  }

  redo(): void {
    if (this.canWrite.value) this.board.edit.redo();
  }

  close(): void {
    this.editing.end();
    this.#end();
    this.board.close();
  }

  #write(operations: readonly NewOperation[], gesture: string = newId()): void {
    for (const batch of inBatches(operations)) this.board.edit.write(batch, gesture);
  }
}

const count = (notes: number) => (notes === 1 ? 'Note' : `${notes} notes`);
