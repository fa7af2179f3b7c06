// <team-board board="…" url="…">: one board, for any page.

import { effect, signal } from '@preact/signals-core';
import { html, LitElement, nothing, type PropertyValues, unsafeCSS } from 'lit';
import type { ConnectOptions } from '../../client/live.ts';
import type { User } from '../../client/types.ts';
import type { BoardModel } from '../model/board-model.ts';
import { readBoard } from '../state/kept-boards.ts';
import { createService, lineOf } from '../state/service.ts';
import boardCss from '../style/board.css?inline';
import controlsCss from '../style/controls.css?inline';
import listCss from '../style/list.css?inline';
import tokensCss from '../style/tokens.css?inline';
import { conflictDialog } from '../together/conflict-dialog.ts';
import type { Following } from '../together/following.ts';
import { people } from '../together/people.ts';
import { statusLine } from '../together/status-line.ts';
import { onBoardKey } from './board-keys.ts';
import { createParts, type Parts } from './board-parts.ts';
import { useClipboard } from './clipboard.ts';
import { onDemand } from './on-demand.ts';
import { tools, type ViewName } from './tools.ts';

export class TeamBoard extends LitElement {
  static override styles = [tokensCss, controlsCss, boardCss, listCss].map(unsafeCSS);
  static override properties = { board: {}, url: {}, credentials: {} };

  /** The id of the board. */
  declare board: string;
  /** Where the node is; default: where this file came from. */
  declare url: string;
  /** Of fetch: `include` for the cookie of a node on another origin. */
  declare credentials: ConnectOptions['credentials'];
  /** For a page of another site: as {@link ConnectOptions} has them. Set before the element is on the page. */
  headers: ConnectOptions['headers'];
  ticket: ConnectOptions['ticket'];
  /** Who is signed in; default: what the server says. */
  user: User | undefined;
  /** Whether this browser keeps the board, to show it while the server cannot be reached: only on the node's own pages. */
  keeps = false;

  readonly #parts = signal<Parts | undefined>(undefined);
  readonly #failure = signal('');
  readonly #view = signal<ViewName | undefined>(undefined);
  #stopFollowing = () => {};
  #attempt = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.hasUpdated) return;
    // It was elsewhere on the page before.
    this.requestUpdate();
    void this.#open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stopFollowing();
    this.#close();
  }

  override updated(changed: PropertyValues): void {
    if (changed.has('board') || changed.has('url')) void this.#open();
  }

  /** The open board, for the page around it; undefined until it is. */
  get model(): BoardModel | undefined {
    return this.#parts.peek()?.model;
  }

  /** Renders, and again whenever a signal changes that was read. */
  protected override performUpdate(): void {
    this.#stopFollowing();
    let isFirst = true;
    this.#stopFollowing = effect(() => {
      if (isFirst) super.performUpdate();
      else this.requestUpdate();
      isFirst = false;
    });
  }

  async #open(): Promise<void> {
    this.#close();
    const attempt = this.#attempt;
    if (!this.board) return;
    const url = (this.url || defaultUrl).replace(/\/$/, '');
    const how = { headers: this.headers, credentials: this.credentials };
    try {
      const me = this.user ?? (await createService(url, how).call<{ user: User }>('GET', '/session')).user;
      if (attempt !== this.#attempt) return;
      const kept = this.keeps ? await readBoard(me.id, this.board) : undefined;
      if (attempt !== this.#attempt) return;
      const { board: id, ticket, keeps } = this;
      this.#parts.value = createParts({
        ...how,
        ticket,
        url,
        id,
        me,
        kept,
        keeps,
        root: this.renderRoot as ShadowRoot,
      });
    } catch (error) {
      if (attempt === this.#attempt) this.#failure.value = lineOf(error);
    }
  }

  #close(): void {
    this.#attempt += 1;
    const parts = this.#parts.peek();
    this.#parts.value = undefined;
    this.#failure.value = '';
    parts?.close();
  }

  protected override render() {
    const parts = this.#parts.value;
    const failure = this.#failure.value;
    if (!parts) {
      return html`<header class="bar"><slot name="start"></slot></header>
        <p role="status" class=${failure ? 'failure empty' : 'quiet empty'}>${failure || 'Opening the board …'}</p>`;
    }
    const { model, following, lookBack, find } = parts;
    const actions = {
      add: () => this.#add(parts),
      help: () => this.#showKeys(parts),
      stopFollowing: () => following.stop(),
      activity: () => lookBack.openActivity(),
      history: (id: string | undefined) => lookBack.openHistory(id),
      back: () => lookBack.back(),
      find: (event: KeyboardEvent) => find.onKey(event),
    };
    const layout = model.about.value?.layout === 'list' ? 'list' : 'canvas';
    const onClipboard = (event: ClipboardEvent) => useClipboard(event, model, parts.canvas.corner);
    return html`<div class="board" @keydown=${(event: KeyboardEvent) => onBoardKey(event, model, actions)}
      @copy=${onClipboard} @cut=${onClipboard} @paste=${onClipboard}>
      ${this.#bar(parts)}
      ${this.#stage(parts, this.#view.value ?? layout)}
      <p class="hidden" aria-live="polite">${model.said.value}</p>
      ${conflictDialog(model.board)}
      ${find.render()}
    </div>`;
  }

  #bar({ model, following }: Parts) {
    const open = model.board;
    const { text, tone } = statusLine(open.status.value, open.writes.value, open.keptAt.value);
    const canRetry = tone === 'bad' && open.status.value.name !== 'ended';
    return html`<header class="bar">
      <slot name="start"></slot>
      <h1>${model.about.value?.name ?? ''}</h1>
      <p role="status" class="status" data-tone=${tone}>${text}</p>
      ${canRetry ? html`<button type="button" class="link" @click=${() => open.retry()}>Try now</button>` : nothing}
      ${people({ present: open.presence.value, me: open.me, following, onFollow: (user) => this.#follow(user, following) })}
      ${open.status.value.name === 'ended' ? nothing : html`<slot name="end"></slot>`}
    </header>`;
  }

  #stage(parts: Parts, view: ViewName) {
    const { model, canvas, list, following, lookBack, find, printing } = parts;
    const whom = following.whom.value;
    const isEnded = model.board.status.value.name === 'ended';
    const bar = tools(model, {
      view,
      percent: canvas.percent,
      onView: (next) => {
        model.editing.end();
        following.stop();
        this.#view.value = next;
      },
      onAdd: () => this.#add(parts),
      onZoom: (factor) => canvas.zoom(factor),
      onFit: () => canvas.fit(),
      onFind: () => find.open('all'),
      onActivity: () => lookBack.openActivity(),
      onHistory: () => lookBack.openHistory(undefined),
      onHelp: () => this.#showKeys(parts),
    });
    const stage = html`<div class=${model.past.value ? 'stage past' : 'stage'} ?inert=${isEnded}>
      ${view === 'canvas' && !printing.is.value ? canvas.view : list.render(view === 'columns')}
      ${isEnded ? html`<p class="over" aria-hidden="true">${statusLine(model.board.status.value, model.board.writes.value).text}.</p>` : nothing}
      ${view === 'canvas' && model.isEmpty.value ? html`<p class="over">${emptyLine}</p>` : nothing}
      ${
        whom
          ? html`<p class="following"><span>Following ${whom.name}</span>
        <button type="button" class="link" @click=${() => following.stop()}>Stop (Esc)</button></p>`
          : nothing
      }
    </div>`;
    return html`${lookBack.render(stage)}
      ${isEnded ? nothing : bar}`;
  }

  /** What the others see is their canvas. */
  #follow(user: User, following: Following): void {
    this.#view.value = 'canvas';
    following.start(user);
  }

  #showKeys({ model }: Parts): void {
    const board = this.renderRoot.querySelector('.board');
    // One that is open has the focus.
    if (board && !board.querySelector('.keys')) {
      onDemand(
        model,
        () => import('./shortcuts.ts'),
        ({ showKeys }) => showKeys(board),
      );
    }
  }

  #add({ canvas, list }: Parts): void {
    if (canvas.view.isConnected) canvas.addInMiddle();
    else list.add();
  }
}

/** For a finger there is no key. */
const emptyLine = `No notes yet. ${matchMedia('(pointer: coarse)').matches ? 'Double-tap anywhere, or tap Add note.' : 'Double-click anywhere, or press N.'}`;

const here: string = import.meta.url;
/** Its file lies in a folder below the node's address. */
const defaultUrl = new URL('..', here).href;

export function defineTeamBoard(): void {
  if (!customElements.get('team-board')) customElements.define('team-board', TeamBoard);
}
