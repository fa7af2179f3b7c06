// What is done with a board as a whole: its name, files of it, and its end. Its code comes when somebody opens it.

import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import type { App } from '../app.ts';
import type { BoardModel } from '../model/board-model.ts';
import { lineOf } from '../state/service.ts';
import { exports } from '../transfer/exports.ts';
import { Imports } from '../transfer/imports.ts';
import { opened } from '../ui/dialog.ts';
import { onSubmit } from '../ui/form.ts';
import type { Part } from '../ui/later.ts';

export class BoardDialog implements Part {
  readonly #app: App;
  readonly #model: BoardModel;
  readonly #imports: Imports;
  readonly #isOpen = signal(false);
  /** Whether it was asked for the end of the board, and not answered yet. */
  readonly #isEnding = signal(false);
  /** What was done last, or why it could not be. */
  readonly #said = signal('');

  constructor(app: App, model: BoardModel) {
    this.#app = app;
    this.#model = model;
    this.#imports = new Imports(app, model);
  }

  open(): void {
    this.#said.value = '';
    this.#isEnding.value = false;
    this.#isOpen.value = true;
  }

  render(): TemplateResult | '' {
    if (!this.#isOpen.value) return '';
    const close = () => {
      this.#isOpen.value = false;
    };
    return html`<dialog aria-labelledby="board-dialog" @close=${close} ${opened()}>
      <h2 id="board-dialog">This board</h2>
      ${this.#model.canWrite.value ? this.#name() : ''}
      ${exports(this.#model, (what) => this.#do(what))}
      <p role="status">${this.#said.value}</p>
      ${this.#imports.render()}
      ${this.#model.isOwner.value ? this.#end() : ''}
      <form method="dialog" class="row end"><button>Close</button></form>
    </dialog>`;
  }

  #name(): TemplateResult {
    const rename = onSubmit(({ name = '' }) =>
      this.#do(async () => {
        await this.#app.service.call('PATCH', `/boards/${this.#model.board.id}`, { name });
        return 'Renamed, for everyone.';
      }),
    );
    return html`<form class="row made" @submit=${rename}>
      <label>Name of the board<input name="name" .value=${this.#model.board.state.value.board?.name ?? ''} maxlength="100" required></label>
      <button>Rename</button>
    </form>`;
  }

  #end(): TemplateResult {
    const ask = (isEnding: boolean) => () => {
      this.#isEnding.value = isEnding;
    };
    if (!this.#isEnding.value) {
      return html`<h3>Delete</h3><button type="button" class="danger" @click=${ask(true)}>Delete this board …</button>`;
    }
    const remove = () =>
      this.#do(async () => {
        await this.#app.service.call('DELETE', `/boards/${this.#model.board.id}`);
        this.#app.router.go('/');
        return '';
      });
    return html`<h3>Delete it?</h3>
      <p>All its notes go, for everyone who is on it, and nothing brings them back.</p>
      <div class="row">
        <button type="button" @click=${ask(false)}>Keep it</button>
        <button type="button" class="danger" @click=${remove}>Delete it for good</button>
      </div>`;
  }

  /** @param what says what it has done */
  async #do(what: () => Promise<string>): Promise<void> {
    try {
      this.#said.value = await what();
    } catch (error) {
      this.#said.value = lineOf(error);
    }
  }
}
