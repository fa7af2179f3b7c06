// All that shows the past of a board. It is loaded when somebody asks for it, or comes back to what others have changed.

import { effect, signal } from '@preact/signals-core';
import { html, nothing, type TemplateResult, unsafeCSS } from 'lit';
import type { BoardModel } from '../model/board-model.ts';
import type { Visit } from '../state/visits.ts';
import pastCss from '../style/past.css?inline';
import { ActivityPanel } from './activity-panel.ts';
import { AwayNotice } from './away-notice.ts';
import { Feed } from './feed.ts';
import { HistoryPanel } from './history-panel.ts';
import { createLog } from './log.ts';
import { TimeSlider } from './time-slider.ts';

export interface PastOptions {
  model: BoardModel;
  /** Where it is shown: gets its styles, and has what takes the focus. */
  root: ShadowRoot;
  /** The view that is shown. */
  view(): PastView;
}

export interface PastView {
  /** Brings a note that is there into the middle, and gives it the focus. */
  goTo(noteId: string): void;
  /** Brings a note into sight, where it is not. */
  show(noteId: string): void;
}

export class PastParts {
  readonly #model: BoardModel;
  readonly #root: ShadowRoot;
  readonly #view: () => PastView;
  readonly #panel = signal<'activity' | 'history' | undefined>(undefined);
  readonly #activity: ActivityPanel;
  readonly #history: HistoryPanel;
  readonly #slider: TimeSlider;
  readonly #notice: AwayNotice;
  readonly #ends: Array<() => void>;
  /** What has led here, and gets the focus back. */
  #opener: HTMLElement | undefined;

  constructor({ model, root, view }: PastOptions) {
    this.#model = model;
    this.#root = root;
    this.#view = view;
    root.adoptedStyleSheets.push(...[unsafeCSS(pastCss).styleSheet ?? []].flat());
    const { board } = model;
    const log = createLog(board);
    const feed = new Feed(log, () => board.head.peek());
    const go = (id: string) => this.#goToNote(id);
    this.#activity = new ActivityPanel(feed, {
      goTo: go,
      lookBack: (seq) => this.openSlider(seq),
      close: () => this.closePanel(),
    });
    this.#history = new HistoryPanel(model, {
      goTo: go,
      back: () => this.openActivity(),
      close: () => this.closePanel(),
    });
    this.#slider = new TimeSlider(model, log, {
      show: (id) => view().show(id),
      onClose: () => this.#focusBack(),
    });
    this.#notice = new AwayNotice(board, log, (since) => this.openActivity(since));
    this.#ends = [
      board.onEvent((event) => {
        feed.take(event);
        this.#history.take(event);
      }),
      effect(() => {
        // The board may have been read anew, without its events. Of one that comes, all have been told by then.
        if (board.head.value > 0) queueMicrotask(() => feed.catchUp());
      }),
    ];
  }

  /** @param since what came after this place is new */
  openActivity(since?: number): void {
    this.#activity.open(since);
    this.#open('activity');
  }

  openHistory(id: string): void {
    this.#history.open(id);
    this.#open('history');
  }

  /** @param seq where to begin; default: now */
  openSlider(seq?: number): void {
    if (this.#isNarrow) this.#panel.value = undefined;
    void this.#slider.open(seq);
    this.#focusSoon('.time input');
  }

  tellOfAbsence(visit: Visit): void {
    void this.#notice.open(visit);
  }

  closePanel(): void {
    this.#panel.value = undefined;
    this.#focusBack();
  }

  /** @returns whether the past was shown, which is over */
  back(): boolean {
    return this.#slider.close();
  }

  close(): void {
    for (const end of this.#ends) end();
    this.#notice.close();
  }

  get notice(): TemplateResult | typeof nothing {
    return this.#notice.render();
  }

  get bar(): TemplateResult | typeof nothing {
    return this.#slider.render();
  }

  get panel(): TemplateResult | typeof nothing {
    const panel = this.#panel.value;
    if (!panel) return nothing;
    const onKey = (event: KeyboardEvent) => {
      // In the past it leads to now first.
      if (event.key !== 'Escape' || this.#slider.isOpen) return;
      event.preventDefault();
      this.closePanel();
    };
    return html`<section class="past-panel" aria-labelledby="past-title" @keydown=${onKey}>
      ${panel === 'activity' ? this.#activity.render() : this.#history.render()}
    </section>`;
  }

  #open(panel: 'activity' | 'history'): void {
    const { activeElement } = this.#root;
    if (!this.#panel.value && activeElement instanceof HTMLElement) this.#opener = activeElement;
    this.#notice.close();
    this.#panel.value = panel;
    this.#focusSoon('#past-title');
  }

  /** A note that is gone is shown by what it was. */
  #goToNote(id: string): void {
    const isThere = this.#model.items.value.has(id);
    if (!isThere) {
      this.#model.said.value = 'This note is not on the board any more.';
      this.openHistory(id);
      return;
    }
    if (this.#isNarrow) this.#panel.value = undefined;
    this.#view().goTo(id);
  }

  /** Whether the panel covers the board. */
  get #isNarrow(): boolean {
    const panel = this.#root.querySelector<HTMLElement>('.past-panel');
    return panel !== null && getComputedStyle(panel).position === 'absolute';
  }

  #focusBack(): void {
    const opener = this.#opener?.isConnected
      ? this.#opener
      : this.#root.querySelector<HTMLElement>('.canvas, .activity');
    opener?.focus({ preventScroll: true });
  }

  /** When it is on the page. */
  #focusSoon(selector: string): void {
    requestAnimationFrame(() => this.#root.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true }));
  }
}
