// Notes of a file or a pasted text, into the board that is open or into a new one.

import { signal } from '@preact/signals-core';
import { html, nothing, type TemplateResult } from 'lit';
import type { Board } from '../../client/types.ts';
import { MAX_OPERATIONS } from '../../client/writes/history.ts';
import type { App } from '../app.ts';
import type { BoardModel } from '../model/board-model.ts';
import { newId } from '../state/new-id.ts';
import { lineOf } from '../state/service.ts';
import { onSubmit } from '../ui/form.ts';
import { count } from './exports.ts';
import { layOut } from './lay-out.ts';
import type { Content } from './notes.ts';
import { createSending, createWriting, type Sending } from './sending.ts';

/** Of a file: what is more is no board of notes. */
const MOST_BYTES = 50_000_000;

interface Run {
  content: Content;
  /** Of the new board; undefined: into this one. */
  boardKey: string | undefined;
  sending?: Sending;
  boardId?: string;
}

export class Imports {
  readonly #app: App;
  readonly #model: BoardModel;
  readonly #content = signal<Content | undefined>(undefined);
  /** What is under way, or did not go on: then it can be called again, and nothing comes twice. */
  readonly #run = signal<Run | undefined>(undefined);
  readonly #isBusy = signal(false);
  readonly #arrived = signal(0);
  readonly #said = signal('');

  constructor(app: App, model: BoardModel) {
    this.#app = app;
    this.#model = model;
  }

  render(): TemplateResult {
    const run = this.#run.value;
    return html`<h3>Import</h3>
      ${run ? this.#progress(run) : this.#choice()}
      <p role="status">${this.#said.value}</p>`;
  }

  #choice(): TemplateResult {
    const content = this.#content.value;
    const notes = content?.notes.length ?? 0;
    const choose = async (event: Event) => {
      const [file] = (event.currentTarget as HTMLInputElement).files ?? [];
      if (!file) return;
      if (file.size > MOST_BYTES) this.#take(undefined, 'This file is too large: it may have 50 MB.');
      else await this.#read(await file.text(), file.name);
    };
    const paste = (event: Event) => this.#read((event.currentTarget as HTMLTextAreaElement).value, '');
    const places = [...(this.#model.canWrite.value ? [['this', 'this board']] : []), ['new', 'a new board']];
    const start = onSubmit(({ into }) => {
      if (content) this.#start({ content, boardKey: into === 'new' ? newId() : undefined });
    });
    return html`<form class="stack" @submit=${start}>
      <label>File<input type="file" accept=".json,.csv,.tsv,.md,.markdown,.txt" @change=${choose}></label>
      <label>Or paste it<textarea rows="3" @input=${paste} aria-describedby="import-forms"></textarea></label>
      <p class="quiet" id="import-forms">JSON of a board or of Trello, CSV with a column <code>text</code>, Markdown, or any list.</p>
      ${
        notes === 0
          ? nothing
          : html`<p>${count(notes)}, read as ${content?.kind}.</p>
        <label>Into<select name="into">${places.map(
          ([value, name], index) => html`<option value=${value} ?selected=${index === 0}>${name}</option>`,
        )}</select></label>
        <button class="primary">Import ${count(notes)}</button>`
      }
    </form>`;
  }

  #progress(run: Run): TemplateResult {
    const total = run.content.notes.length;
    const isBusy = this.#isBusy.value;
    const leave = () => {
      this.#run.value = undefined;
      this.#said.value = '';
    };
    return html`<label>${this.#arrived.value} of ${count(total)} have arrived
        <progress max=${total} .value=${this.#arrived.value}></progress></label>
      ${
        isBusy
          ? nothing
          : html`<div class="row">
        <button type="button" class="primary" @click=${() => this.#go(run)}>Go on</button>
        <button type="button" @click=${leave}>Leave it at that</button>
      </div>`
      }`;
  }

  async #read(text: string, fileName: string): Promise<void> {
    if (text.trim() === '') return this.#take(undefined, '');
    try {
      const { read } = await import('./read.ts');
      const content = read(text, fileName);
      this.#take(content, content.notes.length > 0 ? '' : 'There are no notes in it.');
    } catch (error) {
      this.#take(undefined, lineOf(error));
    }
  }

  #take(content: Content | undefined, said: string): void {
    this.#content.value = content;
    this.#said.value = said;
  }

  #start(run: Run): void {
    this.#arrived.value = 0;
    this.#run.value = run;
    void this.#go(run);
  }

  async #go(run: Run): Promise<void> {
    this.#isBusy.value = true;
    this.#said.value = '';
    try {
      run.boardId ??= await this.#boardFor(run);
      run.sending ??= this.#sendingOf(run, run.boardId);
      await run.sending.run((arrived) => {
        this.#arrived.value = arrived;
      });
      this.#end(run);
    } catch (error) {
      this.#said.value = lineOf(error);
    }
    this.#isBusy.value = false;
  }

  /** A repeat with the same key answers with the same board. */
  async #boardFor({ content, boardKey }: Run): Promise<string> {
    if (boardKey === undefined) return this.#model.board.id;
    const { name = 'Imported', layout = 'canvas' } = content;
    const body = { name: nameOf(name), layout };
    return (await this.#app.service.call<{ board: Board }>('POST', '/boards', body, boardKey)).board.id;
  }

  #sendingOf({ content: { notes }, boardKey }: Run, boardId: string): Sending {
    if (boardKey !== undefined) return createSending(this.#app.service, boardId, layOut(notes, []));
    return createWriting(this.#model.board, layOut(notes, [...this.#model.items.value.values()]));
  }

  #end({ content, boardKey, boardId, sending }: Run): void {
    this.#run.value = undefined;
    this.#content.value = undefined;
    const notes = content.notes.length;
    this.#said.value = `${count(notes)} imported.`;
    if (boardKey !== undefined) this.#app.router.go(`/b/${boardId}`);
    else {
      const back = notes > MAX_OPERATIONS ? `back ${MAX_OPERATIONS} of them at a time` : 'all of it back';
      this.#said.value += ` Undo takes ${back}.`;
      this.#model.select(sending?.ids ?? []);
    }
  }
}

/** @returns what the server takes for the name of a board: one line, of which something is to be seen */
const nameOf = (name: string) =>
  name
    .replaceAll(/[\p{C}\p{Z}\s]+/gu, ' ')
    .trim()
    .slice(0, 100) || 'Imported';
