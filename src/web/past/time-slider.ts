// The board as of any event that its log still has, for who moves along it. Now is the last place, and there it goes on.

import { signal } from '@preact/signals-core';
import { html, nothing, type TemplateResult } from 'lit';
import { live } from 'lit/directives/live.js';
import type { BoardEvent, Item } from '../../client/types.ts';
import type { BoardModel } from '../model/board-model.ts';
import { Failure, lineOf } from '../state/service.ts';
import { momentOf } from '../ui/times.ts';
import { deedsOf, labelOf, listed, nameOf, sentenceOf } from './deeds.ts';
import type { Log } from './log.ts';
import { type BoardThen, PastBoard } from './past-board.ts';

const GONE = 410;

export interface SliderActions {
  /** Brings a note into sight: the one that the event is about. */
  show(noteId: string): void;
  /** It has gone, and the board is as it is now. */
  onClose(): void;
}

export class TimeSlider {
  readonly #model: BoardModel;
  readonly #log: Log;
  readonly #past: PastBoard;
  readonly #actions: SliderActions;
  /** The first place that can be shown; undefined: the slider is not there. */
  readonly #first = signal<number | undefined>(undefined);
  /** Where it has been moved to; undefined: now. */
  readonly #wanted = signal<number | undefined>(undefined);
  readonly #then = signal<BoardThen | undefined>(undefined);
  readonly #failure = signal('');
  #isReading = false;

  constructor(model: BoardModel, log: Log, actions: SliderActions) {
    this.#model = model;
    this.#log = log;
    this.#past = new PastBoard(log);
    this.#actions = actions;
  }

  get isOpen(): boolean {
    return this.#first.value !== undefined;
  }

  /** @param seq where to begin; default: now */
  async open(seq?: number): Promise<void> {
    this.#failure.value = '';
    this.#first.value ??= Math.max(1, seq ?? this.#head);
    await this.#findFirst();
    if (seq !== undefined) this.go(seq);
  }

  go(seq: number): void {
    const first = this.#first.value;
    if (first === undefined) return;
    this.#model.editing.end();
    if (seq >= this.#head) this.#showNow();
    else {
      this.#wanted.value = Math.max(seq, first);
      void this.#follow();
    }
  }

  /** @returns whether it was there */
  close(): boolean {
    if (!this.isOpen) return false;
    this.#first.value = undefined;
    this.#showNow();
    this.#model.select([]);
    this.#model.said.value = 'Back to now.';
    this.#actions.onClose();
    return true;
  }

  render(): TemplateResult | typeof nothing {
    const first = this.#first.value;
    if (first === undefined) return nothing;
    const head = this.#head;
    const at = this.#wanted.value ?? head;
    const told = this.#told();
    const move = (event: Event) => this.go(Number((event.currentTarget as HTMLInputElement).value));
    return html`<section class="time" aria-label="Time">
      <p class="told"><strong>${this.#wanted.value === undefined ? 'Now' : 'The past, to look at only'}</strong> <span>${told}</span></p>
      ${this.#failure.value ? html`<p class="failure" role="alert">${this.#failure.value}</p>` : nothing}
      <div class="row">
        <button type="button" class="plain icon" aria-label="Earlier" ?disabled=${at <= first} @click=${() => this.go(at - 1)}>‹</button>
        <input type="range" aria-label="The board as of" min=${first} max=${head} step="1" .value=${live(String(at))}
          aria-valuetext=${told} @input=${move}>
        <button type="button" class="plain icon" aria-label="Later" ?disabled=${at >= head} @click=${() => this.go(at + 1)}>›</button>
        <button type="button" class="primary" @click=${() => this.close()}>Back to now</button>
      </div>
    </section>`;
  }

  get #head(): number {
    return this.#model.board.head.value;
  }

  /** What is said of the place. */
  #told(): string {
    const wanted = this.#wanted.value;
    if (wanted === undefined) return 'The board as it is.';
    const then = this.#then.value;
    if (then?.seq !== wanted) return 'Looking back …';
    const count = `Change ${wanted} of ${this.#head}.`;
    return then.event ? `${momentOf(then.event.at)}: ${tellOf(then.event)}. ${count}` : `Here the log begins. ${count}`;
  }

  #showNow(): void {
    this.#wanted.value = undefined;
    this.#then.value = undefined;
    this.#model.past.value = undefined;
  }

  #show(then: BoardThen): void {
    this.#then.value = then;
    this.#model.past.value = then;
    const { id = '', resource } = then.event ?? {};
    this.#model.select(resource === 'item' ? [id] : []);
    if (then.items.has(id)) this.#actions.show(id);
  }

  /** One place after the other, and of those that a hand has passed meanwhile none. */
  async #follow(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    for (let next = this.#next; next !== undefined; next = this.#next) {
      try {
        const then = await this.#past.at(next, { first: this.#first.value ?? 1, head: this.#head });
        this.#failure.value = '';
        if (this.#wanted.value !== undefined) this.#show(then);
      } catch (error) {
        if (!(await this.#isTrimmed(error, next))) break;
      }
    }
    this.#isReading = false;
  }

  get #next(): number | undefined {
    const wanted = this.#wanted.value;
    return wanted === this.#then.value?.seq ? undefined : wanted;
  }

  /** @returns whether the log begins later now, so that another place is to be shown */
  async #isTrimmed(error: unknown, seq: number): Promise<boolean> {
    const isGone = error instanceof Failure && error.status === GONE;
    if (isGone) await this.#findFirst();
    const first = this.#first.value ?? 0;
    if (isGone && first > seq) {
      this.#wanted.value = Math.max(this.#wanted.value ?? first, first);
      return true;
    }
    this.#failure.value = isGone ? 'The log does not say what the board was then.' : lineOf(error);
    return false;
  }

  async #findFirst(): Promise<void> {
    try {
      const begin = await this.#log.begin();
      // Before the event that made it there was no board.
      if (this.isOpen) this.#first.value = Math.max(1, begin);
    } catch (error) {
      this.#failure.value = lineOf(error);
    }
  }
}

function tellOf(event: BoardEvent): string {
  const { actor, object } = event;
  const done = deedsOf(event);
  if (event.resource !== 'item') return `${nameOf(actor)} ${sentenceOf(event)}`;
  return `${nameOf(actor)} ${listed(done)} “${labelOf(object as Item) || 'an empty note'}”`;
}
