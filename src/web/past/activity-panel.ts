// What was done on the board, the newest first: each entry leads to its notes, and to the board as it was then.

import { computed } from '@preact/signals-core';
import { html, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import { repeat } from 'lit/directives/repeat.js';
import { colorOfUser, initialsOf } from '../model/palette.ts';
import { dayOf, momentOf, timeOf } from '../ui/times.ts';
import { nameOf } from './deeds.ts';
import { doneIn, type Entry, entriesOf } from './entries.ts';
import type { Feed } from './feed.ts';

export interface ActivityActions {
  /** Leads to a note, or says that it is gone. */
  goTo(noteId: string): void;
  /** Shows the board as of an event; undefined: lets choose. */
  lookBack(seq?: number): void;
  close(): void;
}

/** Of an entry so many notes are named at first. */
const MOST_NAMED = 5;

export class ActivityPanel {
  readonly #feed: Feed;
  readonly #actions: ActivityActions;
  readonly #entries;
  /** What came after is new to the person. */
  #since = Infinity;

  constructor(feed: Feed, actions: ActivityActions) {
    this.#feed = feed;
    this.#actions = actions;
    this.#entries = computed(() => entriesOf(feed.events.value).reverse());
  }

  /** @param since the place of the last visit, where that is known */
  open(since?: number): void {
    if (since !== undefined) this.#since = since;
    void this.#feed.open();
  }

  render(): TemplateResult {
    const { lookBack, close } = this.#actions;
    const days = new Map<string, Entry[]>();
    for (const entry of this.#entries.value) {
      const day = dayOf(entry.at);
      const same = days.get(day);
      if (same) same.push(entry);
      else days.set(day, [entry]);
    }
    return html`<div class="row">
        <h2 id="past-title" tabindex="-1">Activity</h2>
        <button type="button" @click=${() => lookBack()}>Look back</button>
        <button type="button" class="plain icon" aria-label="Close" title="Close (Esc)" @click=${close}>✕</button>
      </div>
      ${repeat(
        days,
        ([day]) => day,
        ([day, entries]) => html`<h3>${day}</h3>
          <ol>${repeat(
            entries,
            ({ first }) => first,
            (entry) => this.#entry(entry),
          )}</ol>`,
      )}
      ${this.#end()}`;
  }

  #entry(entry: Entry): TemplateResult {
    const { actor, at, last, sentence, notes } = entry;
    const paint = ref((element) => {
      if (element instanceof HTMLElement) element.style.setProperty('--person', colorOfUser(actor?.id ?? ''));
    });
    return html`<li>
      <span class="avatar" aria-hidden="true" ${paint}>${initialsOf(nameOf(actor))}</span>
      <div>
        <strong>${nameOf(actor)}</strong> ${sentence || doneIn(entry)} ${this.#notes([...notes])}
        <p class="quiet">
          <button type="button" class="link" aria-label=${`${timeOf(at)}, the board as it was then`} title="The board as it was then" @click=${() => this.#actions.lookBack(last)}>
            <time datetime=${at}>${timeOf(at)}</time></button>
          ${last > this.#since ? html`<span class="new">New</span>` : nothing}
        </p>
      </div>
    </li>`;
  }

  #notes(notes: ReadonlyArray<[id: string, label: string]>): TemplateResult | typeof nothing {
    const [one, ...others] = notes;
    if (!one) return nothing;
    if (others.length === 0) return this.#note(...one);
    const lines = notes.map(([id, label]) => html`<li>${this.#note(id, label)}</li>`);
    const [named, rest] = [lines.slice(0, MOST_NAMED), lines.slice(MOST_NAMED)];
    return html`${notes.length} notes
      <ul>${named}</ul>
      ${rest.length > 0 ? html`<details><summary>${rest.length} more</summary><ul>${rest}</ul></details>` : nothing}`;
  }

  #note(id: string, label: string): TemplateResult {
    return html`<button type="button" class="link note-link" @click=${() => this.#actions.goTo(id)}>${label || 'an empty note'}</button>`;
  }

  #end(): TemplateResult {
    const { begin, from, failure, isReading, events } = this.#feed;
    if (failure.value) {
      return html`<p class="failure" role="alert">${failure.value}</p>
        <button type="button" @click=${() => this.#feed.open()}>Try again</button>`;
    }
    if (begin.value === undefined) return html`<p class="quiet">Reading the log …</p>`;
    if (from.value > begin.value) {
      return html`<button type="button" ?disabled=${isReading.value} @click=${() => this.#feed.older()}>Show older</button>`;
    }
    if (begin.value === 0) return html`<p class="quiet">That is all: here the board begins.</p>`;
    const oldest = events.value[0];
    const when = oldest ? html`on <time datetime=${oldest.at}>${momentOf(oldest.at)}</time>` : 'now';
    return html`<p class="quiet">The log of this board begins ${when}. What was before is not kept any more.</p>`;
  }
}
