// `/`: for who is nobody yet, what this is and how to begin; for everyone else, their boards.

import { html, type TemplateResult } from 'lit';
import type { App } from '../app.ts';
import { failureLine } from '../ui/failure.ts';
import { onSubmit } from '../ui/form.ts';
import { top } from '../ui/top.ts';
import { boardsPage } from './boards.ts';

export function homePage(app: App): TemplateResult {
  document.title = 'Teamboard';
  return app.session.me.value ? boardsPage(app) : welcome(app);
}

function welcome(app: App): TemplateResult {
  return html`<div class="page">
    ${top(app)}
    <main class="welcome">
      <div>
        <h1>One board. Everyone on it.</h1>
        <p class="lead">Notes that all of you move, write and sort together. What one person does, the others see at once.</p>
        ${nameForm(app, 'Start', (name) => app.session.start(name))}
        ${failureLine(app)}
        <p class="quiet">No account needed.
          <a href=${app.router.href('/#sign-in')} data-route>Sign in</a> or
          <a href=${app.router.href('/#register')} data-route>register</a> if you want one.</p>
      </div>
      <div class="sketch" aria-hidden="true">
        <p class="on-yellow">Ship the beta on Thursday</p>
        <p class="on-blue">Who talks to the first ten users?</p>
        <p class="on-green">What went well: pairing</p>
        <p class="on-pink">Ask Grace about the compiler</p>
      </div>
    </main>
  </div>`;
}

/** @param action what the button says. @param enter does it, as somebody of that name */
export function nameForm(app: App, action: string, enter: (name: string) => Promise<unknown>): TemplateResult {
  const submit = onSubmit(({ name = '' }) => app.run(() => enter(name)));
  return html`<form class="start" @submit=${submit}>
    <label>Your name<input name="name" autocomplete="name" maxlength="100" required autofocus></label>
    <button class="primary" ?disabled=${app.isBusy.value}>${action}</button>
  </form>`;
}
