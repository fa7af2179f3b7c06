// What stands above each page: where it is, and who is signed in.

import { html, type TemplateResult } from 'lit';
import type { App } from '../app.ts';

export function top(app: App): TemplateResult {
  const { session, router } = app;
  const me = session.me.value;
  const signOut = () =>
    app.run(async () => {
      await session.signOut();
      router.go('/');
    });
  return html`<header class="top">
    <a class="brand" href=${router.href('/')} data-route><img src=${router.href('/favicon.svg')} alt=""><span class="word">Teamboard</span></a>
    ${
      me
        ? html`<span class="who">${me.name}</span>
      ${me.guest ? html`<a href=${router.href('/#keep')} data-route>Keep this account</a>` : ''}
      <button type="button" class="plain" @click=${signOut}>Sign out</button>`
        : ''
    }
  </header>`;
}
