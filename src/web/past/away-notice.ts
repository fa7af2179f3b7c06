// What is shown for a moment to who comes back: what the others have done meanwhile.

import { signal } from '@preact/signals-core';
import { html, nothing, type TemplateResult } from 'lit';
import { seqOf } from '../state/cursors.ts';
import type { OpenBoard } from '../state/open-board.ts';
import type { Visit } from '../state/visits.ts';
import { momentOf } from '../ui/times.ts';
import { newsSince } from './away.ts';
import type { Log } from './log.ts';

/** So long after somebody has begun to do something else. Who opens the board and is called away misses nothing. */
const SHOWN_MS = 30_000;

export class AwayNotice {
  readonly #board: OpenBoard;
  readonly #log: Log;
  readonly #show: (since: number) => void;
  readonly #told = signal<{ lines: string[]; at: number; since: number } | undefined>(undefined);
  #listening: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param show leads to what was done since a place of the log */
  constructor(board: OpenBoard, log: Log, show: (since: number) => void) {
    this.#board = board;
    this.#log = log;
    this.#show = show;
  }

  /** @param visit the last one. Where it cannot be found out what was since, nothing is shown */
  async open(visit: Visit): Promise<void> {
    const since = seqOf(visit.cursor);
    const { head, me, cursorOf } = this.#board;
    const news = async () => newsSince(visit.cursor, await cursorOf(head.peek()), this.#log, me.id);
    const lines = await news().catch(() => []);
    if (lines.length === 0) return;
    this.#told.value = { lines, at: visit.at, since };
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const goOn = () => {
      this.#timer = setTimeout(() => this.close(), SHOWN_MS);
    };
    for (const name of ['pointerdown', 'keydown']) document.addEventListener(name, goOn, { signal, once: true });
  }

  close(): void {
    this.#listening?.abort();
    clearTimeout(this.#timer);
    this.#told.value = undefined;
  }

  render(): TemplateResult | typeof nothing {
    const told = this.#told.value;
    if (!told) return nothing;
    const stay = () => clearTimeout(this.#timer);
    const show = () => {
      this.close();
      this.#show(told.since);
    };
    return html`<section class="away" aria-labelledby="away" @pointerenter=${stay} @focusin=${stay}>
      <p><strong id="away">While you were away</strong> <span class="quiet">since <time datetime=${new Date(told.at).toISOString()}>${momentOf(told.at)}</time></span><br>
        ${told.lines.join(' ')}</p>
      <button type="button" @click=${show}>Show</button>
      <button type="button" class="plain icon" aria-label="Close" @click=${() => this.close()}>✕</button>
    </section>`;
  }
}
