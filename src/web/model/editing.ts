// The text of one note while somebody writes it: saved as it grows, kept here too until the server has it, and never lost
// to somebody who changes or deletes the same note meanwhile.

import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { Item } from '../../client/types.ts';
import { isHarmless } from '../state/conflicts.ts';
import { dropDraft, keepDraft, readDraft } from '../state/drafts.ts';
import { newId } from '../state/new-id.ts';
import type { OpenBoard } from '../state/open-board.ts';

const SAVE_MS = 500;
/** So often the others are told who is writing. */
const TELL_MS = 2000;

interface Open {
  id: string;
  /** Nothing was ever written into it: it goes when nothing is. */
  isNew: boolean;
  gesture: string;
  /** As the log had it when its text was last seen here. */
  base: Item | undefined;
  text: string;
  saved: string;
}

export class Editing {
  /** The note that is being written. */
  readonly id: ReadonlySignal<string | undefined>;
  readonly #id = signal<string | undefined>(undefined);
  readonly #board: OpenBoard;
  readonly #items: ReadonlySignal<ReadonlyMap<string, Item>>;
  #open: Open | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #telling: ReturnType<typeof setInterval> | undefined;

  constructor(board: OpenBoard, items: ReadonlySignal<ReadonlyMap<string, Item>>) {
    this.id = this.#id;
    this.#board = board;
    this.#items = items;
  }

  /**
   * A text that was begun before, and never became part of the note, comes back.
   *
   * @param made the gesture that has made the note just now: undo takes back both
   */
  start(id: string, made?: string): void {
    if (this.#open?.id === id) return;
    this.end();
    const item = this.#items.value.get(id);
    const saved = item?.text ?? '';
    const text = readDraft(this.#board.id, id) ?? saved;
    this.#open = {
      id,
      isNew: made !== undefined,
      gesture: made ?? newId(),
      base: this.#board.confirmed(id),
      text,
      saved,
    };
    this.#id.value = id;
    const tell = () => this.#board.send('typing', { id, window: this.#board.window });
    tell();
    this.#telling = setInterval(tell, TELL_MS);
  }

  /** What the field begins with. */
  get text(): string {
    return this.#open?.text ?? '';
  }

  input(text: string): void {
    const open = this.#open;
    if (!open) return;
    open.text = text;
    keepDraft(this.#board.id, open.id, text);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), SAVE_MS);
  }

  /** Saves, and closes the field. */
  end(): void {
    const open = this.#open;
    if (!open) return;
    this.#save();
    this.#close();
    const item = this.#items.value.get(open.id);
    if (open.isNew && open.text.trim() === '' && (item?.text ?? '').trim() === '') this.#board.edit.delete(open.id);
  }

  #save(): void {
    clearTimeout(this.#timer);
    const open = this.#open;
    if (!open) return;
    const { id, text, gesture } = open;
    if (text === open.saved) {
      dropDraft(this.#board.id, id);
      return;
    }
    const item = this.#items.value.get(id);
    if (!item && !open.isNew) {
      this.#writeAnew(open);
      return;
    }
    const made = this.#board.edit.update(id, { text }, { gesture, ...this.#condition(open) });
    open.saved = text;
    // From here on it is among the writes, which are kept by themselves where the browser keeps anything.
    if (this.#board.writes.value.kept !== 'no') dropDraft(this.#board.id, id);
    void made.settled.then(({ status }) => {
      const isOpen = this.#open === open;
      if (!isOpen) dropDraft(this.#board.id, id);
      else if (status !== 'done' && !this.#isHarmless(made.key)) {
        // The board asks what is to become of the two texts.
        this.#close();
      }
    });
  }

  #isHarmless(key: string): boolean {
    const undecided = this.#board.writes.value.undecided.find((each) => each.key === key);
    return undecided === undefined || isHarmless(undecided);
  }

  /** Only what somebody else has done to the text is in the way. A note that is not in the log yet has no version. */
  #condition(open: Open): { ifMatch?: number } {
    const now = this.#board.confirmed(open.id);
    if (now && (now.text === open.base?.text || now.text === open.saved)) open.base = now;
    return open.base && now ? { ifMatch: open.base.version } : {};
  }

  /** Somebody has deleted the note under the hands of who writes it: the text becomes a new one, at the same place. */
  #writeAnew(open: Open): void {
    const { base, text } = open;
    if (text.trim() !== '') {
      const { x = 0, y = 0, color = 'yellow' } = base ?? {};
      this.#board.edit.create({ text, x, y, color });
    }
    dropDraft(this.#board.id, open.id);
    this.#close();
  }

  #close(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#telling);
    this.#board.send('typing', { id: null, window: this.#board.window });
    this.#open = undefined;
    this.#id.value = undefined;
  }
}
