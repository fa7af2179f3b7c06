// The application: which page is shown, and what all pages share.

import { effect } from '@preact/signals-core';
import { html, render } from 'lit';
import { type App, createApp } from './app.ts';
import { accountPage } from './pages/account.ts';
import { boardPage, leaveBoard } from './pages/board-page.ts';
import { debugPage, leaveDebug } from './pages/debug.ts';
import { homePage } from './pages/home.ts';
import { invitePage } from './pages/invite.ts';
import { keepShell } from './state/installed.ts';
import { message } from './ui/message.ts';

const here: string = import.meta.url;
const app = createApp(new URL('..', here).href.replace(/\/$/, ''));
const root = document.getElementById('app');

if (root) {
  root.replaceChildren();
  effect(() => {
    render(view(app), root);
  });
}
keepShell(app.service.url);
void app.load(() => app.session.load());

function view(app: App) {
  const { route } = app.router;
  const me = app.session.me.value;
  const failure = app.failure.value;
  if (me === undefined) {
    return failure
      ? message(
          app,
          'Teamboard cannot be reached',
          failure,
          html`<button type="button" class="primary" @click=${() => location.reload()}>Try again</button>`,
        )
      : html`<main class="page"><p class="quiet" role="status">One moment …</p></main>`;
  }
  const at = route.value;
  if (at.page !== 'board') leaveBoard();
  if (at.page !== 'debug') leaveDebug();
  if (at.page === 'nowhere')
    return message(app, 'There is nothing here', 'The address leads to no page of this server.');
  if (at.page === 'board') return boardPage(app, at.id);
  if (at.page === 'debug') return debugPage(app);
  if (at.page === 'invite') return invitePage(app, at.token);
  if (at.page === 'home') return homePage(app);
  return accountPage(app, at.page, at.next);
}
