// `/i/<token>`: whose board an invitation leads to, also for who is nobody here yet, and the way in.

import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import type { Board, Member, User } from '../../client/types.ts';
import type { App } from '../app.ts';
import { lineOf } from '../state/service.ts';
import { failureLine } from '../ui/failure.ts';
import { message } from '../ui/message.ts';
import { top } from '../ui/top.ts';
import { nameForm } from './home.ts';

interface Invitation {
  board: { id: string; name: string };
  role: 'editor' | 'viewer';
  invitedBy: User;
  expiresAt: string;
  yourRole: Member['role'] | null;
}

/** What is known of the link that was followed last, for who was signed in then. */
interface Answer {
  key: string;
  invite?: Invitation;
  problem?: string;
}

const known = signal<Answer>({ key: '' });
let asked = '';

export function invitePage(app: App, token: string): TemplateResult {
  document.title = 'Invitation · Teamboard';
  const key = `${token} ${app.session.me.value?.id}`;
  const { invite, problem } = known.value.key === key ? known.value : ask(app, token, key);
  if (problem) return message(app, 'This link lets nobody in', problem);
  return html`<div class="page">
    ${top(app)}
    <main class="card account">
      <h1>You are invited</h1>
      ${invite ? details(app, token, invite) : html`<p class="quiet" role="status">One moment …</p>`}
      ${failureLine(app)}
    </main>
  </div>`;
}

function details(app: App, token: string, invite: Invitation): TemplateResult {
  const { board, role, invitedBy, expiresAt, yourRole } = invite;
  const until = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' }).format(
    new Date(expiresAt),
  );
  return html`<p><strong>${invitedBy.name}</strong> invites you to <strong>${board.name}</strong>.</p>
    <p>${role === 'viewer' ? 'You will see all that happens there.' : 'You will see all that happens there, and can edit it too.'}
      <span class="quiet">The link works until <time datetime=${expiresAt}>${until}</time>.</span></p>
    ${app.session.me.value ? welcome(app, token, board.id, isIn(yourRole, role)) : stranger(app, token)}`;
}

function welcome(app: App, token: string, boardId: string, isMember: boolean): TemplateResult {
  if (isMember) {
    return html`<p>You are on it already.</p>
      <a class="button primary" href=${app.router.href(`/b/${boardId}`)} data-route>Open the board</a>`;
  }
  return html`<button type="button" class="primary" ?disabled=${app.isBusy.value}
    @click=${() => app.run(() => join(app, token))}>Join the board</button>`;
}

function stranger(app: App, token: string): TemplateResult {
  const enter = async (name: string) => {
    await app.session.start(name);
    await join(app, token);
  };
  return html`${nameForm(app, 'Join the board', enter)}
    <p class="quiet">You have an account?
      <a href=${app.router.href(`/i/${encodeURIComponent(token)}#sign-in`)} data-route>Sign in</a></p>`;
}

/** @returns whether the invite brings nothing */
const isIn = (has: Member['role'] | null, offered: Member['role']) =>
  has !== null && (has === 'owner' || has === offered || offered === 'viewer');

async function join({ service, router }: App, token: string): Promise<void> {
  const { board } = await service.call<{ board: Board }>('POST', `/invites/${encodeURIComponent(token)}/accept`);
  router.go(`/b/${board.id}`);
}

/** Asks once, and not while it is rendered: the answer renders it anew. */
function ask({ service }: App, token: string, key: string): Answer {
  if (asked !== key) {
    asked = key;
    void service
      .call<{ invite: Invitation }>('GET', `/invites/${encodeURIComponent(token)}`)
      .then(({ invite }): Answer => ({ key, invite }))
      .catch((error: unknown): Answer => ({ key, problem: lineOf(error) }))
      .then((answer) => {
        if (asked === key) known.value = answer;
      });
  }
  return { key };
}
