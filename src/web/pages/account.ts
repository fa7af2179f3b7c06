// Signing in, registering, and keeping a guest's account.

import { html, type TemplateResult } from 'lit';
import type { App } from '../app.ts';
import type { Form } from '../state/address.ts';
import { failureLine } from '../ui/failure.ts';
import { onSubmit } from '../ui/form.ts';
import { top } from '../ui/top.ts';

const words: Record<Form, { title: string; action: string; about: string }> = {
  'sign-in': { title: 'Sign in', action: 'Sign in', about: '' },
  register: { title: 'Register', action: 'Register', about: '' },
  keep: {
    title: 'Keep this account',
    action: 'Keep it',
    about: 'With an email and a password your boards outlast this browser.',
  },
};

/** @param next where it goes on to */
export function accountPage(app: App, form: Form, next: string): TemplateResult {
  const { title, action, about } = words[form];
  document.title = `${title} · Teamboard`;
  const submit = onSubmit(({ name = '', email = '', password = '' }) =>
    app.run(async () => {
      if (form === 'register') await app.session.register({ name, email, password });
      else await app.session[form === 'keep' ? 'keep' : 'signIn']({ email, password });
      app.router.go(next);
    }),
  );
  const isNew = form !== 'sign-in';
  return html`<div class="page">
    ${top(app)}
    <main class="card account">
      <h1>${title}</h1>
      ${about ? html`<p class="quiet">${about}</p>` : ''}
      <form class="stack" @submit=${submit}>
        ${form === 'register' ? html`<label>Your name<input name="name" autocomplete="name" maxlength="100" required></label>` : ''}
        <label>Email<input name="email" type="email" autocomplete="email" required></label>
        <label>Password<input name="password" type="password" autocomplete=${isNew ? 'new-password' : 'current-password'}
          minlength=${isNew ? 8 : 1} aria-describedby="password-rule" required></label>
        ${isNew ? html`<p class="quiet" id="password-rule">At least 8 characters.</p>` : ''}
        ${failureLine(app)}
        <button class="primary" ?disabled=${app.isBusy.value}>${action}</button>
      </form>
      ${
        form === 'keep'
          ? ''
          : html`<p class="quiet">${isNew ? 'You have an account?' : 'No account yet?'}
        <a href=${app.router.href(`${next}#${isNew ? 'sign-in' : 'register'}`)} data-route>${isNew ? 'Sign in' : 'Register'}</a></p>`
      }
    </main>
  </div>`;
}
