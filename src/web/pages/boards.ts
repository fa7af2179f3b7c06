// One's boards, with who is on each of them now, and a new one.

import { html, type TemplateResult } from 'lit';
import { AsyncDirective } from 'lit/async-directive.js';
import { directive } from 'lit/directive.js';
import type { Board } from '../../client/types.ts';
import type { App } from '../app.ts';
import type { NewBoard } from '../state/boards.ts';
import { type TemplateName, templates } from '../state/templates.ts';
import { failureLine } from '../ui/failure.ts';
import { onSubmit } from '../ui/form.ts';
import { top } from '../ui/top.ts';

const LOOK_MS = 10_000;
const MOST_NAMED = 3;

/** Reads the boards when the page is shown, and who is there for as long as it is. */
class Follow extends AsyncDirective {
  #timer: ReturnType<typeof setInterval> | undefined;

  override render(_app: App): string {
    return '';
  }

  override update(_: unknown, [app]: [App]): string {
    this.#timer ??= this.#begin(app);
    return '';
  }

  override disconnected(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #begin(app: App): ReturnType<typeof setInterval> {
    // Not while it is rendered: what is loaded would render it anew.
    const read = () =>
      app.load(async () => {
        await app.boards.load(app.session.me.value?.id ?? '');
        await app.boards.loadPresence();
      });
    queueMicrotask(read);
    return setInterval(() => {
      if (!document.hidden) void (app.boards.areKept.value ? read() : app.boards.loadPresence());
    }, LOOK_MS);
  }
}
const follow = directive(Follow);

export function boardsPage(app: App): TemplateResult {
  const boards = app.boards.all.value;
  return html`<div class="page">
    ${top(app)}
    <main>
      <span hidden>${follow(app)}</span>
      <h1>Your boards</h1>
      ${failureLine(app)}
      ${app.boards.areKept.value ? html`<p class="quiet">These were open in this browser before, and can be read and written now.</p>` : ''}
      ${boards && boards.length > 0 ? html`<ul class="boards">${boards.map((board) => card(app, board))}</ul>` : ''}
      ${boards?.length === 0 && !app.boards.areKept.value ? html`<p class="quiet">You have none yet. The first one explains itself.</p>` : ''}
      ${newBoard(app)}
    </main>
  </div>`;
}

function card(app: App, { id, name, layout }: Board): TemplateResult {
  const present = app.boards.present.value.get(id) ?? [];
  const names = present.slice(0, MOST_NAMED).map((user) => user.name);
  const more = present.length - names.length;
  const here = `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return html`<li><a href=${app.router.href(`/b/${id}`)} data-route>
    <strong>${name}</strong>
    <span class="quiet">${layout === 'list' ? 'List' : 'Canvas'}</span>
    <span class=${present.length > 0 ? 'here live' : 'here quiet'}>${present.length > 0 ? `${here} now` : 'Nobody here now'}</span>
  </a></li>`;
}

function newBoard(app: App): TemplateResult {
  const create = onSubmit((fields) =>
    app.run(async () => {
      const { name = '', layout, template } = fields;
      const board = { name, layout: layout as NewBoard['layout'], template: template as TemplateName };
      app.router.go(`/b/${await app.boards.create(board)}`);
    }),
  );
  return html`<section class="card" aria-labelledby="new-board">
    <h2 id="new-board" class="hidden">Make a board</h2>
    <form class="new-board" @submit=${create}>
      <label>Name of the board<input name="name" maxlength="200" placeholder="New board" autocomplete="off"></label>
      <fieldset>
        <legend>Shown as</legend>
        <div class="choice">
          <label><input type="radio" name="layout" value="canvas" checked>Canvas</label>
          <label><input type="radio" name="layout" value="list">List</label>
        </div>
      </fieldset>
      <label>Begin with<select name="template">
        ${Object.entries(templates).map(([key, { name }]) => html`<option value=${key}>${name}</option>`)}
      </select></label>
      <button class="primary" ?disabled=${app.isBusy.value}>New board</button>
    </form>
  </section>`;
}
