// `/debug/streams`: loaded when somebody wants to see it.

import { signal } from '@preact/signals-core';
import { html, type TemplateResult } from 'lit';
import type { App } from '../app.ts';
import type { DebugPage } from '../debug/debug-page.ts';
import { message } from '../ui/message.ts';

const page = signal<DebugPage | undefined>(undefined);
let isWanted = false;

export function debugPage(app: App): TemplateResult {
  document.title = 'Streams · Teamboard';
  if (!app.session.me.value) {
    const signIn = html`<a class="button primary" href=${app.router.href('/debug/streams#sign-in')} data-route>Sign in</a>`;
    return message(app, 'Whose streams?', 'This page shows your own. Sign in, or start as a guest.', signIn);
  }
  if (!isWanted) {
    isWanted = true;
    void app.load(async () => {
      const { createDebugPage } = await import('../debug/debug-page.ts');
      if (isWanted) page.value = createDebugPage(app);
    });
  }
  return (
    page.value?.render() ??
    html`<main class="page"><p class="quiet" role="status">${app.failure.value || 'One moment …'}</p></main>`
  );
}

/** Another page is shown. */
export function leaveDebug(): void {
  if (!isWanted) return;
  isWanted = false;
  page.peek()?.close();
  page.value = undefined;
}
