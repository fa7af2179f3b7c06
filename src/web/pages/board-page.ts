// `/b/<id>`: one board, with the way back, what shares it, and its stream for who wants to see that.

import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import type { App } from '../app.ts';
import type { TeamBoard } from '../board/team-board.ts';
import { Failure } from '../state/service.ts';
import { failureLine } from '../ui/failure.ts';
import { Later } from '../ui/later.ts';
import { message } from '../ui/message.ts';
import { StreamDrawer } from './stream-drawer.ts';

/** The code of the board comes when the first one is opened. */
const isThere = signal(false);
let isLoading = false;

function load(): void {
  if (isLoading) return;
  isLoading = true;
  void import('../board/team-board.ts').then(({ defineTeamBoard }) => {
    defineTeamBoard();
    isThere.value = true;
  });
}

interface Open {
  id: string;
  share: Later;
  drawer: StreamDrawer;
  board: Later;
}

let open: Open | undefined;

/** What belongs to the board that is shown; of another one, nothing goes on. */
function partsOf(app: App, id: string): Open {
  if (open?.id !== id) {
    leaveBoard();
    open = { id, share: shareDialog(app, id), drawer: new StreamDrawer(app, id), board: boardDialog(app) };
  }
  return open;
}

const shareDialog = (app: App, id: string) =>
  new Later(app, async () => new (await import('./share.ts')).Share(app, id));

const boardDialog = (app: App) =>
  new Later(app, async () => {
    const { BoardDialog } = await import('./board-dialog.ts');
    const model = document.querySelector<TeamBoard>('team-board')?.model;
    if (!model) throw new Failure('The board is not open yet. Try again in a moment.', 0);
    return new BoardDialog(app, model);
  });

/** Another page is shown. */
export function leaveBoard(): void {
  open?.drawer.close();
  open = undefined;
}

export function boardPage(app: App, id: string): TemplateResult {
  document.title = 'Board · Teamboard';
  const me = app.session.me.value;
  if (!me) {
    const signIn = html`<a class="button primary" href=${app.router.href(`/b/${id}#sign-in`)} data-route>Sign in</a>`;
    return message(app, 'Who are you?', 'Boards are for their members. Sign in, or ask for an invitation.', signIn);
  }
  load();
  if (!isThere.value) return html`<main class="page"><p class="quiet" role="status">Opening the board …</p></main>`;
  const { share, drawer, board } = partsOf(app, id);
  return html`<main class=${drawer.isOpen ? 'board-page with-drawer' : 'board-page'}>
    ${keyed(
      // Of somebody else nothing stays, even if it was opened as that of who was signed in last.
      me.id,
      html`<team-board board=${id} url=${app.service.url} .user=${me} .keeps=${true}>
      <a slot="start" class="back" href=${app.router.href('/')} data-route>‹ Boards</a>
      <button slot="end" type="button" class="plain code watch" aria-label="Watch the stream" title="Watch the stream"
        aria-pressed=${drawer.isOpen} @click=${() => drawer.toggle()}>{ }</button>
      <button slot="end" type="button" class="plain code" aria-label="This board" title="Name, export, import, delete"
        @click=${() => board.open()}>⋯</button>
      <button slot="end" type="button" class="share" @click=${() => share.open()}>Share</button>
    </team-board>`,
    )}
    ${drawer.render()}
    ${share.render()}
    ${board.render()}
    ${failureLine(app)}
  </main>`;
}
