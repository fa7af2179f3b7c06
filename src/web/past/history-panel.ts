// What a note was, version by version, and the way back to each: also for a note that has been deleted.

import { signal } from '@preact/signals-core';
import { html, nothing, type TemplateResult } from 'lit';
import type { BoardEvent, Item } from '../../client/types.ts';
import type { BoardModel } from '../model/board-model.ts';
import { nameOf as nameOfColor } from '../model/palette.ts';
import { Failure, lineOf } from '../state/service.ts';
import { momentOf } from '../ui/times.ts';
import { labelOf, listed, nameOf } from './deeds.ts';
import { restoring, type Version, versionsOf } from './versions.ts';

export interface HistoryActions {
  /** Leads to a note, or says that it is gone. */
  goTo(noteId: string): void;
  /** To where it was opened from; undefined: from nowhere that is to be seen again. */
  back(): void;
  close(): void;
}

interface Page {
  events: BoardEvent[];
  next: string | null;
}

const fields: Record<string, string> = { text: 'text', color: 'colour', data: 'data' };

function wordsOf({ action, changes }: Version): string {
  if (action !== 'updated') return action === 'created' ? 'made it' : 'deleted it';
  return `changed its ${listed(changes.flatMap((field) => fields[field] ?? []))}`;
}

export class HistoryPanel {
  readonly #model: BoardModel;
  readonly #actions: HistoryActions;
  readonly #events = signal<readonly BoardEvent[]>([]);
  readonly #next = signal<string | null>(null);
  /** Why there is nothing to see, or not yet. */
  readonly #said = signal('');
  #id = '';
  #attempt = 0;

  constructor(model: BoardModel, actions: HistoryActions) {
    this.#model = model;
    this.#actions = actions;
  }

  open(id: string): void {
    this.#begin(id);
    // Of what is not in the log yet the server knows nothing.
    if (this.#model.items.value.get(id)?.version === 0) this.#said.value = 'It has not been saved yet.';
    else void this.#read();
  }

  #begin(id: string): void {
    this.#id = id;
    this.#attempt += 1;
    this.#events.value = [];
    this.#next.value = null;
  }

  /** Something has happened. */
  take(event: BoardEvent): void {
    const newest = this.#events.value[0]?.seq;
    if (event.resource !== 'item' || event.id !== this.#id) return;
    if (newest === undefined) {
      this.#begin(event.id);
      void this.#read();
    } else if (event.seq > newest) this.#events.value = [event, ...this.#events.value];
  }

  render(): TemplateResult {
    const { back, close, goTo } = this.#actions;
    const versions = versionsOf(this.#events.value);
    const now = this.#model.board.state.value.items.get(this.#id);
    const label = labelOf(now ?? versions[0]?.item ?? { text: '' }) || 'an empty note';
    return html`<div class="row">
        <button type="button" class="plain icon" aria-label="To the activity" title="To the activity" @click=${back}>‹</button>
        <h2 id="past-title" tabindex="-1">History of a note</h2>
        <button type="button" class="plain icon" aria-label="Close" title="Close (Esc)" @click=${close}>✕</button>
      </div>
      ${
        now
          ? html`<button type="button" class="link" title="Show the note" @click=${() => goTo(this.#id)}>${label}</button>`
          : html`<p><strong>${label}</strong></p><p class="quiet">${versions.length > 0 ? 'It has been deleted. What is brought back is a new note, where it was.' : nothing}</p>`
      }
      ${this.#model.past.value ? html`<p class="quiet">You look at the past. Go back to now to restore something.</p>` : nothing}
      <ol class="versions-of">${versions.map((version) => this.#version(version, now))}</ol>
      ${this.#said.value ? html`<p class="quiet" aria-live="polite">${this.#said.value}</p>` : nothing}
      ${this.#next.value ? html`<button type="button" @click=${() => this.#read()}>Show older</button>` : nothing}`;
  }

  #version(version: Version, now: Item | undefined): TemplateResult {
    const { at, actor, item } = version;
    const data = Object.keys(item.data).length > 0 ? JSON.stringify(item.data, null, 2) : '';
    return html`<li>
      <p><strong>${nameOf(actor)}</strong> ${wordsOf(version)} <time class="quiet" datetime=${at}>${momentOf(at)}</time></p>
      <div class="version" data-color=${item.color}>
        <p>${item.text || 'Empty note'}</p>
        <span class="quiet">${nameOfColor(item.color)}</span>
        ${data ? html`<details><summary>Data</summary><pre tabindex="0" aria-label="Data">${data}</pre></details>` : nothing}
      </div>
      ${this.#model.canWrite.value ? this.#way(version, now) : nothing}
    </li>`;
  }

  #way({ at, item }: Version, now: Item | undefined): TemplateResult {
    const when = momentOf(at);
    if (!now) {
      return html`<button type="button" aria-label=${`Bring it back as of ${when}`} @click=${() => this.#bringBack(item)}>Bring it back</button>`;
    }
    const fields = restoring(now, item);
    if (Object.keys(fields).length === 0) return html`<p class="quiet">As it is now.</p>`;
    const restore = () => {
      this.#model.update(new Map([[now.id, fields]]));
      this.#model.said.value = `As of ${when} again. Undo takes it back.`;
    };
    return html`<button type="button" aria-label=${`Restore what it was ${when}`} @click=${restore}>Restore</button>`;
  }

  /** Its id is used up for as long as the log tells of it: an undo of a deletion makes a new one too. */
  #bringBack({ text, x, y, color, rank, data }: Item): void {
    const [id = ''] = this.#model.board.edit.create({ text, x, y, color, rank, data }).ids;
    this.#model.said.value = 'Brought back. Undo takes it away.';
    this.#begin(id);
    this.#said.value = 'One moment …';
    // What is written is shown with the next frame.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#actions.goTo(id)));
  }

  async #read(): Promise<void> {
    const [id, attempt] = [this.#id, this.#attempt];
    const after = this.#next.value === null ? '' : `&after=${encodeURIComponent(this.#next.value)}`;
    this.#said.value = 'One moment …';
    try {
      const { read, id: boardId } = this.#model.board;
      const page = await read<Page>(`/boards/${boardId}/items/${id}/history?limit=200${after}`);
      if (attempt !== this.#attempt) return;
      this.#events.value = [...this.#events.value, ...page.events];
      this.#next.value = page.next;
      this.#said.value = this.#endOf(page);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      const isUnknown = error instanceof Failure && error.status === 404;
      this.#said.value = isUnknown ? 'The log tells of this note no more.' : lineOf(error);
    }
  }

  #endOf({ next, events }: Page): string {
    if (next !== null || events.at(-1)?.action === 'created') return '';
    return 'What was before is not kept any more.';
  }
}
