// The dialog that finds notes and commands by a few letters. Its code comes when somebody opens it.

import { signal } from '@preact/signals-core';
import { html, nothing, type TemplateResult, unsafeCSS } from 'lit';
import { byRank } from '../list/order.ts';
import type { BoardModel } from '../model/board-model.ts';
import findCss from '../style/find.css?inline';
import { opened } from '../ui/dialog.ts';
import { type Command, commandsOf } from './commands.ts';
import { lineWith, matching } from './match.ts';

export interface FinderOptions {
  model: BoardModel;
  root: ShadowRoot;
  /** @returns what shows a note, wherever it lies */
  view(): { goTo(noteId: string): void };
}

export type Sought = 'all' | 'notes';

interface Entry {
  name: string;
  detail: string;
  color?: string;
  run(): void;
}

/** So many are shown: who has more writes another letter. */
const MOST_SHOWN = 50;

export class Finder {
  readonly #options: FinderOptions;
  readonly #sought = signal<Sought | undefined>(undefined);
  readonly #query = signal('');
  readonly #at = signal(0);
  #commands: readonly Command[] = [];

  constructor(options: FinderOptions) {
    this.#options = options;
    options.root.adoptedStyleSheets.push(...[unsafeCSS(findCss).styleSheet ?? []].flat());
  }

  open(sought: Sought): void {
    const { root, model } = this.#options;
    this.#commands = sought === 'all' ? commandsOf(root, root.host, model) : [];
    this.#query.value = '';
    this.#at.value = 0;
    this.#sought.value = sought;
  }

  render(): TemplateResult | '' {
    const sought = this.#sought.value;
    if (!sought) return '';
    const found = this.#find();
    const shown = found.slice(0, MOST_SHOWN);
    const at = Math.min(this.#at.value, shown.length - 1);
    const what = sought === 'all' ? 'Find a note, or something to do' : 'Find a note';
    const input = (event: Event) => {
      this.#query.value = (event.currentTarget as HTMLInputElement).value;
      this.#at.value = 0;
    };
    const close = () => {
      this.#sought.value = undefined;
    };
    return html`<dialog class="finder" aria-label="Find" @close=${close} ${opened()}
      @keydown=${(event: KeyboardEvent) => this.#onKey(event, shown)}>
      <input type="text" role="combobox" aria-label=${what} placeholder=${what} autocomplete="off" autofocus aria-expanded="true"
        aria-controls="found" aria-activedescendant=${at < 0 ? nothing : `found-${at}`} @input=${input}>
      <ul id="found" role="listbox" aria-label="Found">
        ${shown.map((entry, index) => this.#row(entry, index, index === at))}
      </ul>
      <p role="status" class="quiet">${this.#said(found.length)}</p>
    </dialog>`;
  }

  #row(entry: Entry, index: number, isAt: boolean): TemplateResult {
    const run = (event: Event) => this.#run(event, entry);
    return html`<li id=${`found-${index}`} role="option" aria-selected=${isAt} @click=${run}>
      ${entry.color ? html`<span class="mark" data-color=${entry.color}></span>` : ''}
      <span>${entry.name}</span><span class="quiet">${entry.detail}</span>
    </li>`;
  }

  #said(count: number): string {
    if (count > MOST_SHOWN) return `${count} found: the first ${MOST_SHOWN} are here.`;
    if (count > 0) return `${count} found.`;
    return this.#query.value.trim() === '' ? 'Write what it says.' : 'Nothing is called so, and no note says it.';
  }

  #find(): Entry[] {
    const { model, view } = this.#options;
    const query = this.#query.value;
    const commands = matching(this.#commands, query, ({ name }) => name).map(({ name, keys, run }) => ({
      name,
      detail: keys,
      run,
    }));
    if (query.trim() === '') return commands;
    const notes = matching([...model.items.value.values()].sort(byRank), query, ({ text }) => text);
    return [
      ...commands,
      ...notes.map(({ id, text, color }) => ({
        name: lineWith(text, query),
        detail: 'Note',
        color,
        run: () => view().goTo(id),
      })),
    ];
  }

  #onKey(event: KeyboardEvent, shown: readonly Entry[]): void {
    // What is written here is no command of the board.
    event.stopPropagation();
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && shown.length > 0) {
      event.preventDefault();
      this.#at.value = (Math.min(this.#at.value, shown.length - 1) + step + shown.length) % shown.length;
      const row = (event.currentTarget as Element).querySelector(`#found-${this.#at.value}`);
      row?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const entry = shown[Math.min(this.#at.value, shown.length - 1)];
      if (entry) this.#run(event, entry);
    }
  }

  /** The dialog goes first: it gives the focus back to where it was, and what is done may move it on. */
  #run(event: Event, { run }: Entry): void {
    (event.currentTarget as Element).closest('dialog')?.close();
    run();
  }
}
